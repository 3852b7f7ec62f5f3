/**
 * The channel options that Regather sets on its grpc-js clients. A closed type, because grpc-js itself takes any key and silently
 * ignores a misspelt one.
 */
export interface ClientChannelOptions {
  /** Connections of one channel are its own, so that closing it really closes them. */
  readonly 'grpc.use_local_subchannel_pool': 1;
  /** Retries are the root's, in sight of budgets and breakers. */
  readonly 'grpc.enable_retries': 0;
  readonly 'grpc.enable_channelz': 0;
  /** No service config from DNS TXT records. */
  readonly 'grpc.service_config_disable_resolution': 1;
  /** Workers are reached directly, whatever proxy the environment names for the web. */
  readonly 'grpc.enable_http_proxy': 0;
  readonly 'grpc.max_receive_message_length': number;
  readonly 'grpc.max_send_message_length': number;
  /** HTTP/2's 64 KiB would make a message of 256 KiB wait for three round trips. */
  readonly 'grpc-node.flow_control_window': number;
  /** The name expected in the peer's certificate, where its address doesn't say it. */
  readonly 'grpc.ssl_target_name_override'?: string;
}

const WINDOW_BYTES = 1024 * 1024;

/** Keepalive pings are left off: a link has Pings of its own, which also tell a hung process from a live socket. */
export function clientChannelOptions(maxMessageBytes: number, serverName?: string): ClientChannelOptions {
  return {
    ...(serverName === undefined ? {} : { 'grpc.ssl_target_name_override': serverName }),
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
    'grpc.enable_channelz': 0,
    'grpc.service_config_disable_resolution': 1,
    'grpc.enable_http_proxy': 0,
    'grpc.max_receive_message_length': maxMessageBytes,
    // What a peer takes is checked call by call, with a better message.
    'grpc.max_send_message_length': -1,
    'grpc-node.flow_control_window': WINDOW_BYTES,
  };
}
