/** What a competent engineer sets on grpc-js: the features that cost and that nobody here uses are off, for every arm. */
import type { ChannelOptions } from '@grpc/grpc-js';

export const channelOptions: ChannelOptions = {
  'grpc.enable_retries': 0,
  'grpc.enable_channelz': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.use_local_subchannel_pool': 1,
};

export const serverOptions: ChannelOptions = {
  'grpc.enable_channelz': 0,
  'grpc.max_concurrent_streams': 1000,
};

/** Bytes as they are. */
export const raw = (bytes: Buffer): Buffer => bytes;
