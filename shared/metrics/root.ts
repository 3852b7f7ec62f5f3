/** What a root counts. Hold what `method` and `worker` return: asking again costs a lookup. */
import { type StatusName, statusName, statusNames } from '../errors/status-names.ts';
import { rootDefinitions } from './definitions.ts';
import { type Counter, type Family, type Gauge, type Histogram, record } from './instruments.ts';
import type { MetricRegistry } from './registry.ts';
import { type TailFamilies, tailFamilies } from './root-tail.ts';

export const leafCallOutcomes = ['ok', 'failed', 'transport', 'cancelled'] as const;
export type LeafCallOutcome = (typeof leafCallOutcomes)[number];

export const taskOutcomes = ['answered', 'failed', 'transport', 'protocol', 'cancelled'] as const;
export type TaskOutcome = (typeof taskOutcomes)[number];

export const attemptKinds = ['primary', 'hedge', 'retry', 'probe'] as const;
export type AttemptKindName = (typeof attemptKinds)[number];

export const linkStates = ['connecting', 'ready', 'plain', 'refused', 'down', 'closed'] as const;
export type LinkStateName = (typeof linkStates)[number];

export const breakerStates = ['closed', 'half-open', 'open'] as const;
export type BreakerStateName = (typeof breakerStates)[number];

export const probeOutcomes = ['ok', 'failed'] as const;
export const ejectionUnits = ['worker', 'replica'] as const;
export const overrideStates = ['open', 'closed'] as const;
/** Why an answer was handed over while shards were still at work. */
export const earlyReasons = ['quorum', 'adaptive'] as const;
export type EarlyReason = (typeof earlyReasons)[number];

/** regather.v1.Cause by number. */
export const causes = [
  'CAUSE_UNSPECIFIED',
  'TIMEOUT',
  'UNAVAILABLE',
  'SHED',
  'BREAKER_OPEN',
  'MALFORMED',
  'CANCELLED',
  'INCOMPLETE',
  'FAILED',
  'NOT_AWAITED',
] as const;

/** One method of the service. */
export class RootMethodMetrics {
  readonly seconds: Histogram;
  readonly cancelled: Counter;
  readonly partial: Counter;
  readonly mergeSeconds: Histogram;
  readonly overshootSeconds: Histogram;
  readonly coverage: Histogram;
  readonly #early: Readonly<Record<EarlyReason, Counter>>;
  readonly #waitSaved: Counter;
  readonly #answers: Family<Counter>;
  readonly #byCode: (Counter | undefined)[] = new Array(statusNames.length).fill(undefined);
  readonly #name: string;

  constructor(name: string, families: RootFamilies) {
    this.#name = name;
    this.#answers = families.answers;
    this.seconds = families.answerSeconds.child(name);
    this.cancelled = families.answersCancelled.child(name);
    this.partial = families.answersPartial.child(name);
    this.mergeSeconds = families.mergeSeconds.child(name);
    this.overshootSeconds = families.overshootSeconds.child(name);
    this.coverage = families.answerCoverage.child(name);
    this.#early = record(earlyReasons, (reason) => families.answersEarly.child(name, reason));
    this.#waitSaved = families.waitSaved.child(name);
    this.#counter(0);
  }

  /** It was handed over so long before its deadline, though shards were still at work. */
  early(reason: EarlyReason, savedSeconds: number): void {
    this.#early[reason].inc();
    this.#waitSaved.inc(savedSeconds);
  }

  /** A status was handed over, `seconds` after the request came. */
  answered(code: number, seconds: number): void {
    this.#counter(code).inc();
    this.seconds.observe(seconds);
  }

  #counter(code: number): Counter {
    const index = code >= 0 && code < statusNames.length ? code : 2;
    let counter = this.#byCode[index];
    if (counter === undefined) {
      counter = this.#answers.child(this.#name, statusName(index) satisfies StatusName);
      this.#byCode[index] = counter;
    }
    return counter;
  }
}

/** One worker of the topology. */
export class RootWorkerMetrics {
  readonly leafCalls: Readonly<Record<LeafCallOutcome, Counter>>;
  readonly losses: Counter;
  readonly reconnects: Counter;
  /** Sent, by kind of attempt. */
  readonly tasks: Readonly<Record<AttemptKindName, Counter>>;
  readonly breakerProbes: Readonly<Record<(typeof probeOutcomes)[number], Counter>>;
  /** How many of its replicas have a breaker in that state. */
  readonly replicaBreakers: Readonly<Record<BreakerStateName, Gauge>>;
  readonly replicaBreakerTransitions: Readonly<Record<BreakerStateName, Counter>>;
  readonly ejections: Readonly<Record<(typeof ejectionUnits)[number], Counter>>;
  readonly #linkState: Readonly<Record<LinkStateName, Gauge>>;
  readonly #breakerState: Gauge;
  readonly #breakerTransitions: Readonly<Record<BreakerStateName, Counter>>;

  constructor(id: string, families: RootFamilies) {
    this.leafCalls = record(leafCallOutcomes, (outcome) => families.leafCalls.child(id, outcome));
    this.tasks = record(attemptKinds, (kind) => families.workerTasks.child(id, kind));
    this.losses = families.linkLosses.child(id);
    this.reconnects = families.linkReconnects.child(id);
    this.#linkState = record(linkStates, (state) => families.linkState.child(id, state));
    this.#breakerState = families.breakerState.child(id);
    this.#breakerTransitions = record(breakerStates, (state) => families.breakerTransitions.child(id, state));
    this.breakerProbes = record(probeOutcomes, (outcome) => families.breakerProbes.child(id, outcome));
    this.replicaBreakers = record(breakerStates, (state) => families.replicaBreakers.child(id, state));
    this.replicaBreakerTransitions = record(breakerStates, (state) =>
      families.replicaBreakerTransitions.child(id, state),
    );
    this.ejections = record(ejectionUnits, (unit) => families.ejections.child(id, unit));
  }

  setLinkState(now: LinkStateName): void {
    for (const state of linkStates) this.#linkState[state].set(state === now ? 1 : 0);
  }

  /** Also counts the transition. */
  setBreakerState(now: BreakerStateName): void {
    this.#breakerState.set(breakerStates.indexOf(now));
    this.#breakerTransitions[now].inc();
  }
}

export const shedReasons = ['queue_full', 'too_late', 'waited'] as const;
/** No room for its priority; it couldn't be answered in time; it waited as long as it may. */
export type ShedReason = (typeof shedReasons)[number];

export class RootAdmissionMetrics {
  readonly shed: Readonly<Record<ShedReason, Counter>>;
  readonly waitSeconds: Histogram;
  readonly #families: RootFamilies;

  constructor(families: RootFamilies) {
    this.#families = families;
    this.shed = record(shedReasons, (reason) => families.admissionShed.child(reason));
    this.waitSeconds = families.admissionWaitSeconds.child();
  }

  /** Read when somebody scrapes, rather than kept. */
  read(now: {
    readonly limit: number;
    readonly inUse: number;
    readonly waiting: number;
    readonly waitingBytes: number;
  }): void {
    const { admissionLimit, admissionInUse, admissionQueueDepth, admissionQueueBytes } = this.#families;
    admissionLimit.collect = () => admissionLimit.child().set(now.limit);
    admissionInUse.collect = () => admissionInUse.child().set(now.inUse);
    admissionQueueDepth.collect = () => admissionQueueDepth.child().set(now.waiting);
    admissionQueueBytes.collect = () => admissionQueueBytes.child().set(now.waitingBytes);
  }
}

export interface RootMetrics {
  readonly inFlight: Gauge;
  readonly admission: RootAdmissionMetrics;
  readonly tasks: Readonly<Record<TaskOutcome, Counter>>;
  /** By regather.v1.Cause's number. */
  readonly missingShards: readonly Counter[];
  readonly retries: Counter;
  readonly tail: TailFamilies;
  readonly partialBytes: Counter;
  readonly unknownFields: Counter;
  readonly breakerOverrides: Readonly<Record<(typeof overrideStates)[number], Gauge>>;
  readonly topologyEpoch: Gauge;
  readonly topologyErrors: Counter;
  method(name: string): RootMethodMetrics;
  worker(id: string): RootWorkerMetrics;
  /** A worker left the topology: its series go. */
  forgetWorker(id: string): void;
}

type RootFamilies = ReturnType<typeof families>;

function families(registry: MetricRegistry) {
  const d = rootDefinitions;
  return {
    answers: registry.counter(d.answers),
    answerSeconds: registry.histogram(d.answerSeconds),
    answersInFlight: registry.gauge(d.answersInFlight),
    answersCancelled: registry.counter(d.answersCancelled),
    answersPartial: registry.counter(d.answersPartial),
    admissionLimit: registry.gauge(d.admissionLimit),
    admissionInUse: registry.gauge(d.admissionInUse),
    admissionQueueDepth: registry.gauge(d.admissionQueueDepth),
    admissionQueueBytes: registry.gauge(d.admissionQueueBytes),
    admissionShed: registry.counter(d.admissionShed),
    admissionWaitSeconds: registry.histogram(d.admissionWaitSeconds),
    mergeSeconds: registry.histogram(d.mergeSeconds),
    overshootSeconds: registry.histogram(d.overshootSeconds),
    answersEarly: registry.counter(d.answersEarly),
    waitSaved: registry.counter(d.waitSaved),
    answerCoverage: registry.histogram(d.answerCoverage),
    leafCalls: registry.counter(d.leafCalls),
    tasks: registry.counter(d.tasks),
    missingShards: registry.counter(d.missingShards),
    retries: registry.counter(d.retries),
    workerTasks: registry.counter(d.workerTasks),
    partialBytes: registry.counter(d.partialBytes),
    unknownFields: registry.counter(d.unknownFields),
    linkState: registry.gauge(d.linkState),
    linkLosses: registry.counter(d.linkLosses),
    linkReconnects: registry.counter(d.linkReconnects),
    breakerState: registry.gauge(d.breakerState),
    breakerTransitions: registry.counter(d.breakerTransitions),
    breakerProbes: registry.counter(d.breakerProbes),
    replicaBreakers: registry.gauge(d.replicaBreakers),
    replicaBreakerTransitions: registry.counter(d.replicaBreakerTransitions),
    breakerOverrides: registry.gauge(d.breakerOverrides),
    ejections: registry.counter(d.ejections),
    topologyEpoch: registry.gauge(d.topologyEpoch),
    topologyErrors: registry.counter(d.topologyErrors),
  };
}

export function createRootMetrics(registry: MetricRegistry): RootMetrics {
  const all = families(registry);
  const methods = new Map<string, RootMethodMetrics>();
  const workers = new Map<string, RootWorkerMetrics>();
  const perWorker = [
    all.leafCalls,
    all.workerTasks,
    all.linkState,
    all.linkLosses,
    all.linkReconnects,
    all.breakerState,
    all.breakerTransitions,
    all.breakerProbes,
    all.replicaBreakers,
    all.replicaBreakerTransitions,
    all.ejections,
  ];
  return {
    inFlight: all.answersInFlight.child(),
    admission: new RootAdmissionMetrics(all),
    tasks: record(taskOutcomes, (outcome) => all.tasks.child(outcome)),
    missingShards: causes.map((cause) => all.missingShards.child(cause)),
    retries: all.retries.child(),
    tail: tailFamilies(registry),
    partialBytes: all.partialBytes.child(),
    unknownFields: all.unknownFields.child(),
    breakerOverrides: record(overrideStates, (state) => all.breakerOverrides.child(state)),
    topologyEpoch: all.topologyEpoch.child(),
    topologyErrors: all.topologyErrors.child(),
    method(name) {
      let found = methods.get(name);
      if (found === undefined) {
        found = new RootMethodMetrics(name, all);
        methods.set(name, found);
      }
      return found;
    },
    worker(id) {
      let found = workers.get(id);
      if (found === undefined) {
        found = new RootWorkerMetrics(id, all);
        workers.set(id, found);
      }
      return found;
    },
    forgetWorker(id) {
      workers.delete(id);
      for (const family of perWorker) family.forget('worker', id);
    },
  };
}
