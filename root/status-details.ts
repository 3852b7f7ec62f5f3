/** Whether what a shard sent as status details is what it should be: one that isn't would spoil the root's own beside it. */
import { isUtf8 } from 'node:buffer';
import { LEN, lengthWithin, skipValue, tagEnd, VARINT, varintEnd, varintLow } from '../shared/wire/reader.ts';

/** Field numbers and wire types of google.rpc.Status, and of the google.protobuf.Any in its `details`. */
interface Shape {
  readonly [number: number]: { readonly wireType: number; readonly text?: true; readonly message?: Shape };
}

const any: Shape = { 1: { wireType: LEN, text: true }, 2: { wireType: LEN } };
const rpcStatus: Shape = {
  1: { wireType: VARINT },
  2: { wireType: LEN, text: true },
  3: { wireType: LEN, message: any },
};

/** The bytes are a google.rpc.Status, as any protobuf implementation reads it. */
export function isRpcStatus(bytes: Uint8Array): boolean {
  return matches(bytes, 0, bytes.length, rpcStatus);
}

function matches(bytes: Uint8Array, start: number, end: number, shape: Shape): boolean {
  for (let pos = start; pos < end; ) {
    const value = tagEnd(bytes, pos, end);
    if (value < 0) return false;
    const tag = varintLow(bytes, pos);
    const next = skipValue(bytes, value, end, tag);
    if (next < 0) return false;
    const field = shape[tag >>> 3];
    if (field !== undefined) {
      if (field.wireType !== (tag & 7)) return false;
      if (field.wireType === LEN) {
        const from = varintEnd(bytes, value, end);
        const to = from + lengthWithin(bytes, value, end);
        if (field.text && !isUtf8(bytes.subarray(from, to))) return false;
        if (field.message !== undefined && !matches(bytes, from, to, field.message)) return false;
      }
    }
    pos = next;
  }
  return true;
}
