/** protobufjs's own codecs for echo.proto: decode and encode without proto-loader's extra pass over a plain object. */
import { fileURLToPath } from 'node:url';
import type Long from 'long';
import protobuf from 'protobufjs';

const protoFolder = fileURLToPath(new URL('../../proto/', import.meta.url));
const peersFolder = fileURLToPath(new URL('../peers/', import.meta.url));
const protobufjsFolder = fileURLToPath(new URL('./', import.meta.resolve('protobufjs/package.json')));
const benchFolder = fileURLToPath(new URL('../', import.meta.url));

/** Loads a .proto whose imports are Regather's own, google's, or files of bench/. */
export function loadTypes(file: string): protobuf.Root {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => {
    if (target.startsWith('regather/')) return protoFolder + target;
    if (target.startsWith('google/')) return protobufjsFolder + target;
    if (target === 'echo.proto') return benchFolder + target;
    return target;
  };
  root.loadSync(file);
  return root;
}

export interface EchoHit {
  id: string;
  score: number;
}

/** protobufjs decodes 64-bit integers as Longs, and encodes numbers as well. */
export interface EchoResponse {
  text?: Uint8Array | null;
  matched?: Long | number;
  least?: Long | number | null;
  greatest?: Long | number | null;
  hits?: EchoHit[];
}

export interface EchoRequest {
  text: Uint8Array;
  limit: number;
}

export interface Codec<T> {
  encode(value: T): Buffer;
  decode(bytes: Uint8Array): T;
}

export function codecOf<T extends object>(type: protobuf.Type): Codec<T> {
  return {
    // protobufjs's BufferWriter finishes into a Buffer on Node.
    encode: (value) => type.encode(value as protobuf.Message).finish() as Buffer,
    decode: (bytes) => type.decode(bytes) as unknown as T,
  };
}

const types = loadTypes(`${peersFolder}batch.proto`);

export const echoProto: string = `${benchFolder}echo.proto`;
export const echoPath = '/bench.v1.EchoService/Echo';
export const echoSomePath = '/bench.v1.EchoService/EchoSome';
export const echoService = 'bench.v1.EchoService';
export const batchPath = '/bench.v1.EchoBatchService/EchoBatch';

export const echoRequest: Codec<EchoRequest> = codecOf(types.lookupType('bench.v1.EchoRequest'));
export const echoResponse: Codec<EchoResponse> = codecOf(types.lookupType('bench.v1.EchoResponse'));
export const batchRequest: Codec<{ shards: number[]; request: Uint8Array }> = codecOf(
  types.lookupType('bench.v1.EchoBatchRequest'),
);
export const batchResponse: Codec<{ answers: EchoResponse[] }> = codecOf(
  types.lookupType('bench.v1.EchoBatchResponse'),
);
