/**
 * Slow ejection: a replica whose median latency stays above a multiple of its siblings' is avoided, as one that fails would be. Siblings
 * are the other replicas of its shard, so that a shard with more data than others isn't taken for a slow worker. Where most of a
 * worker's replicas are slow it is the worker that is ejected. It comes back through its breaker's probes, which must be fast enough.
 */
import type { Breaker } from './breaker.ts';
import { median, type Pace } from './pace.ts';

export interface EjectionOptions {
  readonly enabled: boolean;
  /** Slow is a median above this multiple of the siblings' median. Default 3. */
  readonly factor: number;
  /** Default 5,000 ms. */
  readonly windowMs: number;
  /** Slow windows in a row before it is ejected. Default 3. */
  readonly windows: number;
  /** Tasks that a replica must have answered in a window to be judged. Default 20. */
  readonly minSamples: number;
  /** A median up to this is never slow. Default 5 ms. */
  readonly minMs: number;
  /** Workers that may be ejected at once, wholly or in part, in percent; one is always allowed. Default 33. */
  readonly maxPercent: number;
}

/** What is judged of a replica. */
export interface Judged {
  readonly shard: number;
  readonly pace: Pace;
  readonly breaker: Pick<Breaker, 'state' | 'ejected' | 'trip'>;
  readonly worker: { readonly id: string; readonly breaker: Pick<Breaker, 'state' | 'ejected' | 'trip'> };
}

/** `shard` undefined: the worker, with all that it hosts. */
export interface Ejected {
  readonly worker: string;
  readonly shard: number | undefined;
  readonly reason: string;
}

interface Verdict {
  readonly replica: Judged;
  readonly medianMs: number;
  readonly siblingsMs: number;
  readonly limitMs: number;
}

interface OfWorker {
  judged: number;
  /** Slow for long enough. */
  readonly slow: Verdict[];
  readonly hosted: Judged[];
}

/**
 * The end of a window: `shards` has the replicas of each shard, `takes` says whether a replica could be sent to now. Ejects those that
 * have been slow for long enough, by tripping their breakers, and tells which. Never a shard's last candidate.
 */
export function endWindow<R extends Judged>(
  shards: readonly (readonly R[])[],
  options: EjectionOptions,
  takes: (replica: R) => boolean,
): Ejected[] {
  const workers = new Map<Judged['worker'], OfWorker>();
  for (const replicas of shards) judge(replicas, options, workers);
  const most = Math.max(1, Math.floor((options.maxPercent / 100) * workers.size));
  let out = [...workers.values()].filter(({ hosted }) => hosted.some(isEjected)).length;
  const ejected: Ejected[] = [];
  // Those that are slow in most places first: there may not be room for all.
  const order = [...workers].filter(([, { slow }]) => slow.length > 0);
  order.sort(([, a], [, b]) => b.slow.length - a.slow.length);
  const spared = (replica: Judged): boolean =>
    shards[replica.shard]!.some((other) => other !== replica && closed(other) && takes(other));
  for (const [worker, { judged, slow, hosted }] of order) {
    if (out >= most) break;
    if (slow.length >= 2 && slow.length * 2 > judged && hosted.every(spared)) {
      const worst = slow.reduce((a, b) => (b.medianMs / b.siblingsMs > a.medianMs / a.siblingsMs ? b : a));
      const reason = `${slow.length} of ${judged} replicas are slow, shard ${worst.replica.shard} the most: ${describe(worst)}`;
      // A leaf call carries tasks of several shards, and takes as long as the slowest.
      const limitMs = Math.max(...slow.map((verdict) => verdict.limitMs));
      if (!worker.breaker.trip({ reason, limitMs })) continue;
      for (const replica of hosted) replica.pace.slowWindows = 0;
      ejected.push({ worker: worker.id, shard: undefined, reason });
      out++;
      continue;
    }
    let some = false;
    for (const verdict of slow) {
      const { replica, limitMs } = verdict;
      if (!spared(replica)) continue;
      const reason = `slow: ${describe(verdict)}`;
      if (!replica.breaker.trip({ reason, limitMs })) continue;
      replica.pace.slowWindows = 0;
      ejected.push({ worker: worker.id, shard: replica.shard, reason });
      some = true;
    }
    if (some) out++;
  }
  return ejected;
}

/** One shard's replicas, against each other. */
function judge(
  replicas: readonly Judged[],
  options: EjectionOptions,
  workers: Map<Judged['worker'], OfWorker>,
): void {
  const { factor, minMs, minSamples, windows } = options;
  const medians = replicas.map((replica) => {
    const medianMs = replica.pace.endWindow(minSamples);
    // Probes aren't how it is in use.
    return closed(replica) ? medianMs : Number.NaN;
  });
  for (let i = 0; i < replicas.length; i++) {
    const replica = replicas[i]!;
    const { worker, pace } = replica;
    let of = workers.get(worker);
    if (of === undefined) {
      of = { judged: 0, slow: [], hosted: [] };
      workers.set(worker, of);
    }
    of.hosted.push(replica);
    const medianMs = medians[i]!;
    const siblingsMs = median(medians.filter((other, at) => at !== i && !Number.isNaN(other)));
    if (Number.isNaN(medianMs) || Number.isNaN(siblingsMs)) {
      pace.slowWindows = 0;
      continue;
    }
    of.judged++;
    const limitMs = Math.max(minMs, factor * siblingsMs);
    pace.slowWindows = medianMs > limitMs ? pace.slowWindows + 1 : 0;
    if (pace.slowWindows >= windows) of.slow.push({ replica, medianMs, siblingsMs, limitMs });
  }
}

function closed({ breaker, worker }: Judged): boolean {
  return breaker.state === 'closed' && worker.breaker.state === 'closed';
}

function isEjected({ breaker, worker }: Judged): boolean {
  return breaker.ejected || worker.breaker.ejected;
}

function describe({ medianMs, siblingsMs }: Verdict): string {
  return `its median is ${milliseconds(medianMs)} ms, that of its siblings ${milliseconds(siblingsMs)} ms`;
}

function milliseconds(ms: number): string {
  return ms < 10 ? ms.toFixed(1) : ms.toFixed(0);
}
