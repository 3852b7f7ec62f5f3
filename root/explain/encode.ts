/** regather.v1.Explain, within the bytes that were asked for: details and reducers go first, then the shards that were quick. */
import { fitUtf8 } from '../../shared/errors/trailer-text.ts';
import { LEN, VARINT } from '../../shared/wire/reader.ts';
import { Writer } from '../../shared/wire/writer.ts';
import { causeNumbers } from '../coverage.ts';
import type { ExplainedAttempt, ExplainedShard, Explanation } from './explanation.ts';

const kinds = { primary: 1, hedge: 2, retry: 3, probe: 4 } as const;
const outcomes = { answered: 1, beaten: 2, failed: 3, timed_out: 4, cancelled: 5 } as const;

const MAX_VERDICT = 300;
const MAX_NAME = 120;
const MAX_DETAIL = 160;
/** Of `shards_left_out` and `truncated`. */
const END_BYTES = 12;

export function encodeExplanation(explanation: Explanation, maxBytes: number): Buffer {
  const { reducers, shards } = explanation;
  const whole = encode(explanation, reducers, shards.length, MAX_DETAIL, Number.POSITIVE_INFINITY);
  if (whole.length <= maxBytes) return whole;
  return encode(explanation, [], shards.length, MAX_DETAIL / 4, maxBytes);
}

function encode(
  explanation: Explanation,
  reducers: readonly string[],
  most: number,
  detailBytes: number,
  maxBytes: number,
): Buffer {
  const { hedging, sent, shards } = explanation;
  const writer = new Writer(1024);
  // A quarter of the room, for those who ask for little.
  text(writer, 1, explanation.verdict, Math.min(MAX_VERDICT, maxBytes / 4));
  text(writer, 2, explanation.method, MAX_NAME);
  text(writer, 3, explanation.scatter, MAX_NAME);
  uint(writer, 4, explanation.tasks);
  uint(writer, 5, explanation.epoch);
  for (const reducer of reducers) text(writer, 6, reducer, MAX_NAME);
  uint(writer, 7, explanation.totalUs);
  uint(writer, 8, explanation.allowedUs);
  uint(writer, 9, explanation.admissionUs);
  uint(writer, 10, explanation.planUs);
  uint(writer, 11, explanation.mergeUs);
  if (typeof hedging === 'number') uint(writer, 12, Math.round(hedging * 1000));
  else if (hedging !== undefined) text(writer, 13, hedging, MAX_NAME);
  uint(writer, 14, sent.primary);
  uint(writer, 15, sent.hedge);
  uint(writer, 16, sent.retry);
  uint(writer, 17, sent.probe);
  uint(writer, 18, explanation.budgetLeft);
  uint(writer, 22, explanation.hedgesLeft);
  let listed = 0;
  for (; listed < most; listed++) {
    const before = writer.pos;
    shardEntry(writer, shards[listed]!, detailBytes);
    if (writer.pos <= maxBytes - END_BYTES) continue;
    writer.pos = before;
    break;
  }
  uint(writer, 20, shards.length - listed);
  uint(writer, 21, listed < shards.length || reducers.length < explanation.reducers.length ? 1 : 0);
  return writer.finish();
}

function shardEntry(
  writer: Writer,
  { shard, missing, notHedged, attempts }: ExplainedShard,
  detailBytes: number,
): void {
  const entry = writer.open(19);
  uint(writer, 1, shard);
  if (missing !== undefined) uint(writer, 2, causeNumbers[missing]);
  for (const attempt of attempts) attemptEntry(writer, attempt, detailBytes);
  if (notHedged !== undefined) text(writer, 4, notHedged, MAX_NAME);
  writer.close(entry);
}

function attemptEntry(writer: Writer, attempt: ExplainedAttempt, detailBytes: number): void {
  const entry = writer.open(3);
  uint(writer, 1, kinds[attempt.kind]);
  text(writer, 2, attempt.worker, MAX_NAME);
  uint(writer, 3, outcomes[attempt.outcome]);
  uint(writer, 4, attempt.startedUs);
  uint(writer, 5, attempt.tookUs);
  uint(writer, 6, attempt.queueUs);
  uint(writer, 7, attempt.serviceUs);
  uint(writer, 8, attempt.heldUs);
  uint(writer, 9, attempt.wireUs);
  text(writer, 10, attempt.detail, detailBytes);
  writer.close(entry);
}

function uint(writer: Writer, number: number, value: number): void {
  if (value === 0) return;
  writer.tag(number, VARINT);
  writer.varint(value);
}

function text(writer: Writer, number: number, value: string, maxBytes: number): void {
  if (value === '') return;
  writer.tag(number, LEN);
  writer.string(fitUtf8(value, maxBytes));
}
