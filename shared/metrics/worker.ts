/** What a worker counts. Hold what `method` returns: asking again costs a lookup. */
import { statusName, statusNames } from '../errors/status-names.ts';
import { workerDefinitions } from './definitions.ts';
import { type Counter, type Family, type Gauge, type Histogram, record } from './instruments.ts';
import type { MetricRegistry } from './registry.ts';

export const notStartedReasons = [
  'expired',
  'cancelled',
  'queue_full',
  'too_late',
  'shard_hangs',
  'calls_full',
  'draining',
  'not_served',
] as const;
export type NotStartedReason = (typeof notStartedReasons)[number];

export const combineOutcomes = ['combined', 'apart', 'malformed'] as const;
export type CombineOutcome = (typeof combineOutcomes)[number];

/** One method of the service. */
export class WorkerMethodMetrics {
  readonly started: Counter;
  readonly aborted: Counter;
  readonly heldBack: Counter;
  readonly notStarted: Readonly<Record<NotStartedReason, Counter>>;
  readonly queueSeconds: Histogram;
  readonly serviceSeconds: Histogram;
  readonly #finished: Family<Counter>;
  readonly #byCode: (Counter | undefined)[] = new Array(statusNames.length).fill(undefined);
  readonly #name: string;

  constructor(name: string, families: WorkerFamilies) {
    this.#name = name;
    this.#finished = families.tasksFinished;
    this.started = families.tasksStarted.child(name);
    this.aborted = families.tasksAborted.child(name);
    this.heldBack = families.tasksHeldBack.child(name);
    this.notStarted = record(notStartedReasons, (reason) => families.tasksNotStarted.child(name, reason));
    this.queueSeconds = families.queueSeconds.child(name);
    this.serviceSeconds = families.serviceSeconds.child(name);
    this.#counter(0);
  }

  /** A handler ended with this google.rpc.Code after `seconds`. */
  finished(code: number, seconds: number): void {
    this.#counter(code).inc();
    this.serviceSeconds.observe(seconds);
  }

  #counter(code: number): Counter {
    const index = code >= 0 && code < statusNames.length ? code : 2;
    let counter = this.#byCode[index];
    if (counter === undefined) {
      counter = this.#finished.child(this.#name, statusName(index));
      this.#byCode[index] = counter;
    }
    return counter;
  }
}

export interface WorkerMetrics {
  readonly queueDepth: Gauge;
  readonly inFlight: Gauge;
  readonly links: Gauge;
  readonly shards: Gauge;
  readonly combines: Readonly<Record<CombineOutcome, Counter>>;
  readonly bytesOut: Counter;
  method(name: string): WorkerMethodMetrics;
}

type WorkerFamilies = ReturnType<typeof families>;

function families(registry: MetricRegistry) {
  const d = workerDefinitions;
  return {
    tasksStarted: registry.counter(d.tasksStarted),
    tasksFinished: registry.counter(d.tasksFinished),
    tasksAborted: registry.counter(d.tasksAborted),
    tasksHeldBack: registry.counter(d.tasksHeldBack),
    tasksNotStarted: registry.counter(d.tasksNotStarted),
    queueDepth: registry.gauge(d.queueDepth),
    tasksHeld: registry.gauge(d.tasksHeld),
    tasksInFlight: registry.gauge(d.tasksInFlight),
    queueSeconds: registry.histogram(d.queueSeconds),
    serviceSeconds: registry.histogram(d.serviceSeconds),
    links: registry.gauge(d.links),
    combines: registry.counter(d.combines),
    bytesOut: registry.counter(d.bytesOut),
    shards: registry.gauge(d.shards),
  };
}

/** What is read when somebody scrapes, rather than kept. */
export interface WorkerGauges {
  queueDepth(): number;
  held(): number;
  inFlight(): number;
  links(): number;
  shards(): number;
}

export function createWorkerMetrics(registry: MetricRegistry, gauges?: WorkerGauges): WorkerMetrics {
  const all = families(registry);
  if (gauges !== undefined) {
    all.queueDepth.collect = () => all.queueDepth.child().set(gauges.queueDepth());
    all.tasksHeld.collect = () => all.tasksHeld.child().set(gauges.held());
    all.tasksInFlight.collect = () => all.tasksInFlight.child().set(gauges.inFlight());
    all.links.collect = () => all.links.child().set(gauges.links());
    all.shards.collect = () => all.shards.child().set(gauges.shards());
  }
  const methods = new Map<string, WorkerMethodMetrics>();
  return {
    queueDepth: all.queueDepth.child(),
    inFlight: all.tasksInFlight.child(),
    links: all.links.child(),
    shards: all.shards.child(),
    combines: record(combineOutcomes, (outcome) => all.combines.child(outcome)),
    bytesOut: all.bytesOut.child(),
    method(name) {
      let found = methods.get(name);
      if (found === undefined) {
        found = new WorkerMethodMetrics(name, all);
        methods.set(name, found);
      }
      return found;
    },
  };
}
