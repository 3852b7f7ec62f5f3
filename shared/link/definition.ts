/** `regather.v1.Link` as gRPC sees it: messages stay bytes, since frames are read and written by hand. */
import type { ServiceDefinition } from '@grpc/grpc-js';

const LINK_OPEN_PATH = '/regather.v1.Link/Open';

function same(bytes: Buffer): Buffer {
  return bytes;
}

export const linkDefinition = {
  Open: {
    path: LINK_OPEN_PATH,
    requestStream: true,
    responseStream: true,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  },
} as const satisfies ServiceDefinition;
