import { records } from './codec.ts';

/** The last value of a varint field of an options message; undefined if it isn't set. */
export function varintOption(options: Uint8Array | undefined, number: number): number | undefined {
  if (options === undefined) return undefined;
  let value: number | undefined;
  for (const record of records(options)) {
    if (record.number === number && record.wireType === 0) value = Number(BigInt.asIntN(32, record.value));
  }
  return value;
}

/** Numbers within descriptor.proto's options messages. */
export const optionNumber = {
  messageSetWireFormat: 1,
  mapEntry: 7,
  packed: 2,
  allowAlias: 2,
  idempotencyLevel: 34,
} as const;
