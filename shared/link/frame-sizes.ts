/** How many bytes fields and frames take, so that lengths can be written before what they measure. */
import type { PlanField } from '../schema/hello.ts';
import type { TaskFailure } from './leaf-call.ts';

/** Total, like the writer's varint: what isn't a natural number is written as some number of as many bytes as this says. */
export function varintSize(value: number): number {
  if (!(value >= 0x80)) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  if (value < 0x10000000) return 4;
  let size = 5;
  for (let rest = Math.min(value, Number.MAX_SAFE_INTEGER) / 0x800000000; rest >= 1; rest /= 128) size++;
  return size;
}

/** Of a field with a one-byte tag that is left out when 0. */
export function numberField(value: number): number {
  return value === 0 ? 0 : 1 + varintSize(value);
}

export function bytesField(length: number): number {
  return length === 0 ? 0 : 1 + varintSize(length) + length;
}

export function textField(text: string): number {
  return text === '' ? 0 : bytesField(Buffer.byteLength(text));
}

export function packedSize(values: readonly number[]): number {
  let size = 0;
  for (let i = 0; i < values.length; i++) size += varintSize(values[i]!);
  return size;
}

export function planFieldSize(field: PlanField): number {
  return (
    textField(field.message) +
    numberField(field.number) +
    textField(field.type) +
    textField(field.cardinality) +
    textField(field.merge)
  );
}

export function statusSize(status: TaskFailure): number {
  return (
    numberField(status.shard) +
    numberField(status.code) +
    textField(status.message) +
    (status.details === undefined ? 0 : bytesField(status.details.length)) +
    (status.notStarted ? 2 : 0) +
    numberField(status.pushbackMs)
  );
}

/** How large End's frame will be, so that the worker can shorten its statuses to what the root takes. */
export function endFrameSize(statuses: readonly TaskFailure[]): number {
  let size = 64;
  for (const status of statuses) size += 8 + statusSize(status);
  return size;
}

export function zigzag(value: number): number {
  return ((value << 1) ^ (value >> 31)) >>> 0;
}
