/** Runs a load test: schedule, generators, recording. What comes out is data; who calls it shows and writes it. */
import { decodeFromCompressedBase64 } from 'hdr-histogram-js';
import { RegatherError } from '../../shared/errors/errors.ts';
import { readMachine } from '../report/machine.ts';
import { type Generator, type GeneratorTask, LocalGenerator } from './generate/generator.ts';
import { GeneratorProcess } from './generate/generator-process.ts';
import { hrtimeMs } from './generate/monotonic.ts';
import type { SampleBatch } from './generate/sample.ts';
import type { LoadTarget } from './generate/target.ts';
import { type Progress, ProgressMeter } from './progress.ts';
import { latencyHistogram, Recording } from './recording.ts';
import { pickRequests, type RequestPool } from './requests.ts';
import type { Block, LoadRun, Phase } from './run.ts';
import type { ArrivalKind } from './schedule/arrivals.ts';
import { blockSpans } from './schedule/blocks.ts';
import { dealCount, dealOut } from './schedule/deal.ts';
import { cutPhases, replaySchedule, type Schedule, scheduleOf } from './schedule/schedule.ts';
import type { Stretch } from './schedule/stretches.ts';
import { voidReasons } from './void.ts';

export interface OpenLoad {
  readonly loop: 'open';
  readonly stretches: readonly Stretch[];
  readonly arrivals: ArrivalKind;
  /** At most so many measured requests. */
  readonly count?: number | undefined;
}

export interface ReplayLoad {
  readonly loop: 'replay';
  /** When each request of the log was sent, ms; as many as there are bodies. */
  readonly atMs: ArrayLike<number>;
  readonly speed: number;
}

export interface ClosedLoad {
  readonly loop: 'closed';
  readonly inFlight: number;
  readonly durationMs: number;
  readonly count?: number | undefined;
}

export interface LoadOptions {
  readonly name: string;
  readonly target: LoadTarget;
  readonly requests: RequestPool;
  readonly load: OpenLoad | ReplayLoad | ClosedLoad;
  /** Before the measured part, at its first rate, not recorded: compilers and connections warm up on both sides. */
  readonly warmUpMs: number;
  /** 0: in this process, for tests; what else it does is then in the figures. */
  readonly processes: number;
  /** Of all generators together; what comes above it is dropped and makes the run void. Bounds the generators' memory. */
  readonly maxInFlight: number;
  readonly seed: number;
  /** What else reproduces the run. */
  readonly options?: Readonly<Record<string, number | string | readonly string[]>>;
  /** Ends the run early: what was recorded so far counts. */
  readonly signal?: AbortSignal | undefined;
  /** `startMs` on the axis of performance.now(): when the measured part begins. */
  readonly onStart?: ((startMs: number) => void) | undefined;
  /** Each second. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** Between when generators are told to start and when they do: the message takes a moment. */
const LEAD_MS = 50;
/** What a request may take beyond its deadline, for the status to arrive. */
const GRACE_MS = 500;
/** What is in flight when a run is interrupted may take so long. */
const INTERRUPTED_GRACE_MS = 500;
const PROGRESS_MS = 1000;

/** Throws UNAVAILABLE if nobody answers at the target, USAGE for a schedule that is too long. */
export async function runLoad(options: LoadOptions): Promise<LoadRun> {
  const { load, target, seed, warmUpMs, maxInFlight } = options;
  if (options.processes === 0 && load.loop === 'closed' && load.inFlight < 1)
    throw new RangeError('inFlight');
  const planned = load.loop === 'closed' ? undefined : scheduleFor(load, seed, warmUpMs);
  const durationMs = planned?.durationMs ?? (load as ClosedLoad).durationMs;
  const phases = planned?.phases ?? [closedPhase(load as ClosedLoad)];
  const recording = new Recording({
    spans: blockSpans(phases),
    ...(planned === undefined ? {} : { times: planned.times }),
  });
  const meter = new ProgressMeter(-warmUpMs, durationMs);
  const onSamples = (batch: SampleBatch): void => {
    recording.add(batch);
    meter.add(batch);
  };
  const tasks = tasksOf(options, planned, durationMs);
  const generators = tasks.map(
    (task, i): Generator =>
      options.processes === 0
        ? new LocalGenerator(task, onSamples)
        : new GeneratorProcess(`generator ${i + 1}`, task, onSamples),
  );
  const machine = readMachine();
  try {
    await Promise.all(generators.map((generator) => generator.prepare()));
    const conducted = await conduct(generators, options, durationMs, meter);
    const endMs = conducted.endMs;
    const blocks = recording.blocks(endMs);
    return {
      kind: 'load',
      version: 1,
      name: options.name,
      machine,
      at: conducted.at,
      target: { address: target.address, method: target.path.slice(1) },
      loop: load.loop === 'closed' ? 'closed' : 'open',
      options: { ...describe(options), ...options.options },
      void: voidReasons({
        blocks,
        latenessP99Ms: planned === undefined ? Number.NaN : latenessP99Ms(blocks),
        busy: conducted.busy,
        maxInFlight,
        failures: conducted.failures,
      }),
      interrupted: conducted.interrupted,
      phases: cutPhases(phases, endMs),
      blocks,
      faults: [],
    };
  } finally {
    for (const generator of generators) generator.close();
  }
}

function scheduleFor(load: OpenLoad | ReplayLoad, seed: number, warmUpMs: number): Schedule {
  if (load.loop === 'replay') return replaySchedule({ atMs: load.atMs, speed: load.speed, seed, warmUpMs });
  const { stretches, arrivals, count } = load;
  return scheduleOf({ stretches, arrivals, seed, warmUpMs, ...(count === undefined ? {} : { count }) });
}

function closedPhase({ inFlight, durationMs }: ClosedLoad): Phase {
  return { name: `${inFlight} in flight`, startMs: 0, durationMs, offeredPerSecond: 0 };
}

function tasksOf(options: LoadOptions, planned: Schedule | undefined, durationMs: number): GeneratorTask[] {
  const { target, requests, load, seed, warmUpMs } = options;
  const asked = Math.max(1, options.processes);
  const among = load.loop === 'closed' ? Math.min(asked, load.inFlight) : asked;
  const connections = dealCount(Math.max(target.connections, among), among);
  const shared = { target, durationMs, graceMs: target.deadlineMs + GRACE_MS };
  if (planned !== undefined) {
    const picks = pickRequests(requests, planned.warmUpCount, planned.times.length, seed);
    const maxInFlight = dealCount(Math.max(options.maxInFlight, among), among);
    return dealOut(planned.times, picks, requests.bodies, among).map((share, i) => ({
      ...shared,
      connections: connections[i]!,
      work: { loop: 'open', share, maxInFlight: maxInFlight[i]! },
    }));
  }
  const { inFlight, count = Number.MAX_SAFE_INTEGER } = load as ClosedLoad;
  const counts = dealCount(count, among);
  const inFlights = dealCount(inFlight, among);
  return Array.from({ length: among }, (_, i) => ({
    ...shared,
    connections: connections[i]!,
    work: {
      loop: 'closed' as const,
      inFlight: inFlights[i]!,
      warmUpMs,
      count: counts[i]!,
      bodies: requests.bodies,
      picks: closedPicks(requests, seed, i, among),
    },
  }));
}

/** Every n-th of the pool, or as many drawn ones: a closed loop goes around in them. */
function closedPicks(pool: RequestPool, seed: number, first: number, among: number): Uint32Array {
  const picks = pickRequests(pool, 0, pool.bodies.length * among, seed);
  return picks.filter((_, i) => i % among === first);
}

interface Conducted {
  readonly at: string;
  readonly endMs: number;
  readonly interrupted: boolean;
  readonly busy: readonly number[];
  readonly failures: readonly string[];
}

/** Starts all generators at the same moment and waits until they have ended, or ends them when the signal says so. */
async function conduct(
  generators: readonly Generator[],
  options: LoadOptions,
  durationMs: number,
  meter: ProgressMeter,
): Promise<Conducted> {
  const { signal, warmUpMs } = options;
  const startAtMs = hrtimeMs() + LEAD_MS + warmUpMs;
  const position = (): number => hrtimeMs() - startAtMs;
  const at = new Date(Date.now() - position()).toISOString();
  options.onStart?.(performance.now() - position());
  let interruptedAtMs: number | undefined;
  const interrupt = (): void => {
    if (interruptedAtMs !== undefined) return;
    interruptedAtMs = position();
    for (const generator of generators) generator.stop(INTERRUPTED_GRACE_MS);
  };
  const progress = setInterval(() => options.onProgress?.(meter.take(position())), PROGRESS_MS);
  const running = generators.map((generator) => generator.run(startAtMs));
  if (signal?.aborted === true) interrupt();
  signal?.addEventListener('abort', interrupt);
  const ends = await Promise.allSettled(running);
  clearInterval(progress);
  signal?.removeEventListener('abort', interrupt);
  const endMs = Math.min(durationMs, interruptedAtMs ?? endOf(options, position(), durationMs));
  return {
    at,
    endMs: Math.max(0, endMs),
    interrupted: interruptedAtMs !== undefined && interruptedAtMs < durationMs,
    busy: ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value.busy] : [])),
    failures: ends.flatMap((end) =>
      end.status === 'rejected' ? [`${RegatherError.from(end.reason).message}.`] : [],
    ),
  };
}

/** A closed loop that has made its count is over then; an open one has its schedule. */
function endOf({ load }: LoadOptions, positionMs: number, durationMs: number): number {
  return load.loop === 'closed' && load.count !== undefined ? positionMs : durationMs;
}

function latenessP99Ms(blocks: readonly Block[]): number {
  const all = latencyHistogram();
  for (const { lateness } of blocks) all.add(decodeFromCompressedBase64(lateness));
  return all.totalCount === 0 ? Number.NaN : all.getValueAtPercentile(99) / 1000;
}

function describe(options: LoadOptions): Record<string, number | string | readonly string[]> {
  const { load, target, requests, processes, maxInFlight, warmUpMs, seed } = options;
  return {
    seed,
    processes,
    connections: target.connections,
    'deadline ms': target.deadlineMs,
    'warm-up ms': warmUpMs,
    requests: requests.bodies.length,
    'request order': requests.order,
    ...(load.loop === 'open'
      ? { arrivals: load.arrivals, stretches: load.stretches.map(describeStretch) }
      : {}),
    ...(load.loop === 'replay' ? { speed: load.speed } : {}),
    ...(load.loop === 'closed' ? { 'in flight': load.inFlight } : { 'max in flight': maxInFlight }),
    ...(load.loop === 'replay' || load.count === undefined ? {} : { count: load.count }),
  };
}

function describeStretch({ name, durationMs }: Stretch): string {
  return `${name} for ${durationMs / 1000} s`;
}
