/** G1: nothing is handed over later than 10 ms after its deadline, but for what this process stood still meanwhile. */
import type { ExecutionContext } from 'ava';
import type { Seen } from './setting.ts';
import type { Stalls } from './stalls.ts';

const LATE_MS = 10;

/** As its client saw it, each answer by itself. */
export function onTime(t: ExecutionContext, seen: readonly Seen[], stalls: Stalls): void {
  for (const { method, timeoutMs, answer, from, to } of seen) {
    const deadline = from + timeoutMs;
    if (to <= deadline + LATE_MS) continue;
    // The root's time begins when the request reaches it, and ends when it hands the answer over.
    const stalledMs = stalls.between(from, from + LATE_MS) + stalls.between(deadline, to);
    if (to - deadline <= LATE_MS + stalledMs) continue;
    t.fail(
      `${method} (${answer.code}) came ${(to - deadline).toFixed(1)} ms after its deadline, ${stalledMs.toFixed(1)} ms of which are this process's stalls`,
    );
  }
}

/**
 * As the root measured it: it counts no more answers as later than 10 ms than there are whose last moment before the client had them fell
 * into a stall of this process.
 */
export async function measuredOnTime(
  t: ExecutionContext,
  admin: string,
  seen: readonly Seen[],
  stalls: Stalls,
): Promise<void> {
  const text = await (await fetch(`http://${admin}/metrics`)).text();
  const bucket = /^regather_root_deadline_overshoot_seconds_bucket\{method="(\w+)",le="([^"]+)"\} (\d+)$/gm;
  const counts = new Map<string, { inTime: number; all: number }>();
  for (const [, method, le, count] of text.matchAll(bucket)) {
    const of = counts.get(method!) ?? { inTime: Number.NaN, all: Number.NaN };
    if (le === '+Inf') of.all = Number(count);
    else if (Number(le) * 1000 === LATE_MS) of.inTime = Number(count);
    counts.set(method!, of);
  }
  for (const method of new Set(seen.map((one) => one.method))) {
    const { inTime, all } = counts.get(method)!;
    const mine = seen.filter((one) => one.method === method);
    t.is(all, mine.length, `${method}: the root measured each answer`);
    const excused = mine.filter(({ from, timeoutMs, to }) => stalls.between(from + timeoutMs, to) > 1).length;
    t.true(
      all - inTime <= excused,
      `${method}: ${all - inTime} of ${all} later than ${LATE_MS} ms, ${excused} of them may be`,
    );
  }
}
