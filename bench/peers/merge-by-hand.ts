/** The merge that the hand-written roots share: EchoResponse by EchoResponse, in shard order. */
import Long from 'long';
import type { EchoHit, EchoResponse } from '../echo/codec.ts';

export function mergeByHand(answers: readonly EchoResponse[], limit: number): EchoResponse {
  const merged: EchoResponse = {};
  let matched: Long = Long.ZERO;
  let least: Long | undefined;
  let greatest: Long | undefined;
  const hits: EchoHit[] = [];
  for (const answer of answers) {
    if (merged.text === undefined && has(answer, 'text')) merged.text = answer.text!;
    matched = matched.add(answer.matched as Long);
    if (has(answer, 'least')) {
      const value = answer.least as Long;
      if (least === undefined || value.lessThan(least)) least = value;
    }
    if (has(answer, 'greatest')) {
      const value = answer.greatest as Long;
      if (greatest === undefined || value.greaterThan(greatest)) greatest = value;
    }
    for (const hit of answer.hits!) hits.push(hit);
  }
  hits.sort(compareHits);
  hits.length = Math.min(hits.length, limit);
  merged.matched = matched;
  if (least !== undefined) merged.least = least;
  if (greatest !== undefined) merged.greatest = greatest;
  merged.hits = hits;
  return merged;
}

/** protobufjs puts defaults on the prototype; what was on the wire is an own property. */
function has(answer: EchoResponse, field: keyof EchoResponse): boolean {
  return Object.hasOwn(answer, field);
}

function compareHits(a: EchoHit, b: EchoHit): number {
  return b.score - a.score || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}
