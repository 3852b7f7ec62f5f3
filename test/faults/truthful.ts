/** G2: coverage says what is in the answer, by the answer itself, and why the rest isn't, by what the kit broke. */
import { status } from '@grpc/grpc-js';
import type { ExecutionContext } from 'ava';
import type { Effect } from '../kit/faults/fault.ts';
import type { FaultLog } from '../kit/faults/fault-log.ts';
import type { SearchTarget } from '../kit/faults/search-target.ts';
import { HITS_PER_SHARD } from '../kit/search-shard.ts';
import { PER_SHARD, type Seen, SHARDS } from './setting.ts';

/**
 * What may be said of a shard that was hit: if all of its replicas were, and if another was well all the while. What failed, or lost its
 * connection, is asked of that one; what hangs as well, if there is budget for a hedge.
 */
const CAUSES: Record<Effect, { readonly alone: readonly string[]; readonly beside: readonly string[] }> = {
  gone: { alone: ['UNAVAILABLE', 'TIMEOUT', 'INCOMPLETE'], beside: ['TIMEOUT'] },
  lost: { alone: ['UNAVAILABLE', 'INCOMPLETE'], beside: [] },
  late: { alone: ['TIMEOUT', 'INCOMPLETE'], beside: [] },
  failing: { alone: ['UNAVAILABLE', 'FAILED', 'INCOMPLETE'], beside: [] },
  shedding: { alone: ['SHED'], beside: [] },
};

export interface Broke {
  readonly targets: readonly SearchTarget[];
  readonly log: FaultLog;
  /** A worker that is healed may be out of reach until the root has found it again. */
  readonly brokenAt: number;
  readonly recoveredAt: number;
}

export function truthful(t: ExecutionContext, one: Seen, broke: Broke): void {
  const { method, answer, from, to } = one;
  const { targets, log, brokenAt, recoveredAt } = broke;
  const { coverage } = answer;
  if (coverage === undefined) {
    t.fail(`${method} without coverage: ${answer.code} ${answer.details}`);
    return;
  }
  // One shard, which is untouched: it is answered, or the answer isn't OK.
  if (method === 'Get') {
    t.deepEqual([coverage.expected, coverage.answered], [1, answer.code === status.OK ? 1 : 0]);
    return;
  }
  const causes = new Map<number, string>();
  for (const { cause, count, shards } of coverage.missing) {
    let named = 0;
    for (const { first, last } of shards) {
      for (let shard = first; shard <= last; shard++, named++) {
        if (causes.has(shard)) t.fail(`${method} has shard ${shard} missing twice`);
        causes.set(shard, cause);
      }
    }
    t.is(named, count, 'shards named');
  }
  if (coverage.truncated || coverage.expected !== SHARDS || coverage.answered + causes.size !== SHARDS) {
    t.fail(`${method}: ${JSON.stringify(coverage)}`);
  }
  for (const shard of log.expected(targets, from, to).lost) {
    if (!causes.has(shard)) t.fail(`${method} has shard ${shard}, which was gone`);
  }
  const since = from < recoveredAt ? Math.min(from, brokenAt) : from;
  const { whole } = log.expected(targets, since, to);
  for (const [shard, cause] of causes) {
    const hosts = targets.filter(({ shards }) => shards.includes(shard)).map(({ id }) => id);
    const where = whole.includes(shard) ? 'beside' : 'alone';
    const allowed = [...log.effects(hosts, since, to)].flatMap((effect) => CAUSES[effect][where]);
    // Enough was in without it, where a part is enough.
    if (method !== 'TopK') allowed.push('NOT_AWAITED');
    // Another shard turned its task away, where all are needed.
    else if ([...causes.values()].includes('SHED')) allowed.push('CANCELLED');
    if (allowed.includes(cause)) continue;
    t.fail(
      `${method} lacks shard ${shard} for ${cause}, not ${allowed.join() || 'nothing'}: ${JSON.stringify(coverage)}`,
    );
  }
  if (answer.code === status.OK) asSaid(t, one, causes);
  else if (causes.size === 0)
    t.fail(`${method} has every shard, and ends with ${answer.code}: ${answer.details}`);
}

/** What is in it is what coverage says. */
function asSaid(
  t: ExecutionContext,
  { method, answer, items }: Seen,
  missing: ReadonlyMap<number, string>,
): void {
  const all = Array.from({ length: SHARDS }, (_, shard) => shard);
  if (items !== undefined) {
    // No item twice, and all of a shard that isn't missing.
    t.is(new Set(items.map(({ id }) => id)).size, items.length, 'items');
    for (const shard of all) {
      const count = items.filter((item) => item.shard === shard).length;
      if (!missing.has(shard) && count !== PER_SHARD)
        t.fail(`shard ${shard}: ${count} of ${PER_SHARD} items`);
    }
    return;
  }
  // Each shard is in it once, and wholly: its list, its number of hits, and nothing of those that are missing.
  const present = all.filter((shard) => !missing.has(shard));
  const seen = (answer.response.seen as string[]).map((text) => Number(/^shard (\d+):/.exec(text)?.[1]));
  t.deepEqual(seen, present, 'seen');
  t.is(answer.response.total, String(present.length * HITS_PER_SHARD), 'total');
  if (method === 'TopK') t.is(present.length, SHARDS);
}
