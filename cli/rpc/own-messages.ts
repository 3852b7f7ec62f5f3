/** Messages of Regather's own in trailers, read by the .proto files that this package ships. */
import { join } from 'node:path';
import { packageRoot } from '../../shared/package.ts';
import { loadDescriptors } from '../../shared/schema/descriptors.ts';
import { decodeJson, type Json } from '../json/decode.ts';
import { JsonTypes } from '../json/types.ts';

const known = new Map<string, JsonTypes>();

/** As proto3 JSON. `file`: in proto/regather/v1. */
export function decodeOwn(file: string, message: string, bytes: Uint8Array): Json {
  let types = known.get(file);
  if (types === undefined) {
    types = new JsonTypes(loadDescriptors({ proto: join(packageRoot, 'proto', 'regather', 'v1', file) }));
    known.set(file, types);
  }
  return decodeJson(types, types.message(message), bytes);
}
