/** The two counts of a regather.v1.Coverage that a load test adds up; the rest isn't decoded. */
import { asBuffer, skipValue, tagEnd, varintLow } from '../../../shared/wire/reader.ts';

export interface AnsweredShards {
  readonly expected: number;
  readonly answered: number;
}

const EXPECTED = 1 << 3;
const ANSWERED = 2 << 3;

/** Undefined if the bytes don't decode. */
export function readAnsweredShards(coverage: Uint8Array): AnsweredShards | undefined {
  const bytes = asBuffer(coverage);
  let expected = 0;
  let answered = 0;
  for (let pos = 0; pos < bytes.length; ) {
    const start = tagEnd(bytes, pos, bytes.length);
    if (start < 0) return undefined;
    const tag = varintLow(bytes, pos);
    const end = skipValue(bytes, start, bytes.length, tag);
    if (end < 0) return undefined;
    if (tag === EXPECTED) expected = varintLow(bytes, start);
    else if (tag === ANSWERED) answered = varintLow(bytes, start);
    pos = end;
  }
  return { expected, answered };
}
