/**
 * Every metric that Regather exports, in one place: docs/reference/metrics.md has an entry for each (tested both ways).
 * Counters end in `_total`, times are seconds, sizes are bytes. No label ever takes its value from a request.
 */
export interface MetricDefinition {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  /** Histogram: upper bounds, ascending, without +Inf. */
  readonly buckets?: readonly number[];
}

/** From 0.5 ms (a link's round trip) to 10 s (the longest deadline that is usual), about two per doubling near 10 ms. */
export const secondsBuckets = [
  0.0005, 0.001, 0.0025, 0.005, 0.0075, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
] as const;

/** From 10 µs, a handful of small partials, to what would be noticed in any deadline. */
export const mergeBuckets = [
  0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1,
] as const;

/** The first is for those in time. Up to 10 ms late is what a deadline promises. */
export const overshootBuckets = [0, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5] as const;
/** Dense near the top, where minimums are. Only answers that have all are above 0.9999, up to 10,000 shards. */
export const coverageBuckets = [0.25, 0.5, 0.75, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999, 0.9999, 1] as const;

export const rootDefinitions = {
  answers: {
    name: 'regather_root_answers_total',
    type: 'counter',
    help: 'Answers handed over, by method and status code.',
    labels: ['method', 'code'],
  },
  answerSeconds: {
    name: 'regather_root_answer_seconds',
    type: 'histogram',
    help: 'Time from a request to its status.',
    labels: ['method'],
    buckets: secondsBuckets,
  },
  answersInFlight: {
    name: 'regather_root_answers_in_flight',
    type: 'gauge',
    help: 'Requests accepted that have no status yet.',
    labels: [],
  },
  answersCancelled: {
    name: 'regather_root_answers_cancelled_total',
    type: 'counter',
    help: 'Requests whose client left before the status.',
    labels: ['method'],
  },
  answersPartial: {
    name: 'regather_root_answers_partial_total',
    type: 'counter',
    help: 'Answers with status OK that lack shards.',
    labels: ['method'],
  },
  admissionLimit: {
    name: 'regather_root_admission_limit',
    type: 'gauge',
    help: 'Leaf calls that may be under way; +Inf with admission off (null in JSON).',
    labels: [],
  },
  admissionInUse: {
    name: 'regather_root_admission_in_use',
    type: 'gauge',
    help: 'Leaf calls of requests that were admitted and have no status yet.',
    labels: [],
  },
  admissionQueueDepth: {
    name: 'regather_root_admission_queue_depth',
    type: 'gauge',
    help: 'Requests that wait to be admitted.',
    labels: [],
  },
  admissionQueueBytes: {
    name: 'regather_root_admission_queue_bytes',
    type: 'gauge',
    help: 'What the requests that wait to be admitted keep in memory.',
    labels: [],
  },
  admissionShed: {
    name: 'regather_root_admission_shed_total',
    type: 'counter',
    help: 'Requests turned away, by reason: queue_full, too_late (no time left for it), waited (too long).',
    labels: ['reason'],
  },
  admissionWaitSeconds: {
    name: 'regather_root_admission_wait_seconds',
    type: 'histogram',
    help: 'Time that a request waited before it was admitted, of those that had to.',
    labels: [],
    buckets: secondsBuckets,
  },
  mergeSeconds: {
    name: 'regather_root_merge_seconds',
    type: 'histogram',
    help: 'Time that it took to merge an answer.',
    labels: ['method'],
    buckets: mergeBuckets,
  },
  overshootSeconds: {
    name: 'regather_root_deadline_overshoot_seconds',
    type: 'histogram',
    help: 'How long after its deadline the status of a request was handed over; 0 for those in time.',
    labels: ['method'],
    buckets: overshootBuckets,
  },
  answersEarly: {
    name: 'regather_root_answers_early_total',
    type: 'counter',
    help: 'Answers handed over while shards were still at work, by reason: quorum, adaptive (the minimum was in, and the rest had its time).',
    labels: ['method', 'reason'],
  },
  waitSaved: {
    name: 'regather_root_wait_saved_seconds_total',
    type: 'counter',
    help: 'Time that those answers were handed over before their deadlines.',
    labels: ['method'],
  },
  answerCoverage: {
    name: 'regather_root_answer_coverage',
    type: 'histogram',
    help: 'Share of the documents, else of the shards, that answers with status OK had.',
    labels: ['method'],
    buckets: coverageBuckets,
  },
  leafCalls: {
    name: 'regather_root_leaf_calls_total',
    type: 'counter',
    help: 'Leaf calls ended, by worker and outcome: ok, failed (a task failed), transport, cancelled.',
    labels: ['worker', 'outcome'],
  },
  tasks: {
    name: 'regather_root_tasks_total',
    type: 'counter',
    help: 'Attempts of tasks ended, by outcome: answered, failed (the shard said so), transport, protocol, cancelled.',
    labels: ['outcome'],
  },
  missingShards: {
    name: 'regather_root_missing_shards_total',
    type: 'counter',
    help: 'Tasks that an answer or failure lacked, by cause as in Coverage.',
    labels: ['cause'],
  },
  retries: {
    name: 'regather_root_retries_total',
    type: 'counter',
    help: 'Tasks sent again to another replica.',
    labels: [],
  },
  hedges: {
    name: 'regather_root_hedges_total',
    type: 'counter',
    help: 'Tasks that were slow and sent to a second replica as well.',
    labels: ['method'],
  },
  hedgesWon: {
    name: 'regather_root_hedges_won_total',
    type: 'counter',
    help: 'Of those, the ones that the second replica answered first.',
    labels: ['method'],
  },
  notHedged: {
    name: 'regather_root_not_hedged_total',
    type: 'counter',
    help: 'Times that a slow task was looked at and not hedged, by reason: no_replica, replica_busy, budget, root_late, root_full, all_slow.',
    labels: ['method', 'reason'],
  },
  requestsNotHedged: {
    name: 'regather_root_requests_not_hedged_total',
    type: 'counter',
    help: 'Requests none of whose tasks could be hedged, however slow, by reason: few_samples (too little is known of the latency), no_time (the deadline is too near).',
    labels: ['method', 'reason'],
  },
  notProbed: {
    name: 'regather_root_not_probed_total',
    type: 'counter',
    help: 'Times that a replica which is not known to be well could have had a task, and there was no budget for it.',
    labels: ['method'],
  },
  hedgeDelay: {
    name: 'regather_root_hedge_delay_seconds',
    type: 'gauge',
    help: 'How long a task may take now before it is hedged, where there is time enough; 0: hedging is off, or too few tasks were seen.',
    labels: ['method'],
  },
  notRetried: {
    name: 'regather_root_not_retried_total',
    type: 'counter',
    help: 'Failed tasks that could be tried again and were not, by reason: no_replica, budget.',
    labels: ['method', 'reason'],
  },
  extraWorkTokens: {
    name: 'regather_root_extra_work_tokens',
    type: 'gauge',
    help: 'Tasks that may still be sent on top of first attempts, by budget (root, or a method with one of its own) and purse: hedge, retry, all.',
    labels: ['budget', 'purse'],
  },
  workerTasks: {
    name: 'regather_root_worker_tasks_total',
    type: 'counter',
    help: 'Tasks sent, by worker and kind: primary, hedge, retry, probe (the first for a replica that is not known, or not known to be well again).',
    labels: ['worker', 'kind'],
  },
  partialBytes: {
    name: 'regather_root_partial_bytes_total',
    type: 'counter',
    help: 'Bytes of partials that came from workers.',
    labels: [],
  },
  unknownFields: {
    name: 'regather_root_unknown_fields_total',
    type: 'counter',
    help: 'Occurrences of fields that the schema does not know, dropped from merged messages.',
    labels: [],
  },
  linkState: {
    name: 'regather_root_link_state',
    type: 'gauge',
    help: '1 for the state that the link to a worker is in: connecting, ready, plain, refused, down, closed.',
    labels: ['worker', 'state'],
  },
  linkLosses: {
    name: 'regather_root_link_losses_total',
    type: 'counter',
    help: 'Times that a worker which could be reached, by a link or without one, could be no more.',
    labels: ['worker'],
  },
  linkReconnects: {
    name: 'regather_root_link_reconnects_total',
    type: 'counter',
    help: 'Times that a worker was reached again after it had been lost.',
    labels: ['worker'],
  },
  breakerState: {
    name: 'regather_root_breaker_state',
    type: 'gauge',
    help: "A worker's breaker: 0 closed, 1 half-open, 2 open.",
    labels: ['worker'],
  },
  breakerTransitions: {
    name: 'regather_root_breaker_transitions_total',
    type: 'counter',
    help: "Times that a worker's breaker entered a state: closed, half-open, open.",
    labels: ['worker', 'state'],
  },
  breakerProbes: {
    name: 'regather_root_breaker_probes_total',
    type: 'counter',
    help: 'Attempts that tried half-open breakers of a worker and its replicas, by outcome: ok, failed (also by being slow or never ending).',
    labels: ['worker', 'outcome'],
  },
  replicaBreakers: {
    name: 'regather_root_replica_breakers',
    type: 'gauge',
    help: "A worker's replicas by the state of their breaker: closed, half-open, open.",
    labels: ['worker', 'state'],
  },
  replicaBreakerTransitions: {
    name: 'regather_root_replica_breaker_transitions_total',
    type: 'counter',
    help: "Times that breakers of a worker's replicas entered a state: closed, half-open, open.",
    labels: ['worker', 'state'],
  },
  breakerOverrides: {
    name: 'regather_root_breaker_overrides',
    type: 'gauge',
    help: 'Breakers that an operator holds open or closed.',
    labels: ['state'],
  },
  ejections: {
    name: 'regather_root_ejections_total',
    type: 'counter',
    help: 'Times that a worker, or one replica on it, was ejected for being slow.',
    labels: ['worker', 'unit'],
  },
  topologyEpoch: {
    name: 'regather_root_topology_epoch',
    type: 'gauge',
    help: 'Version of the topology in use; 0 before the first.',
    labels: [],
  },
  topologyErrors: {
    name: 'regather_root_topology_errors_total',
    type: 'counter',
    help: 'Topologies that were refused; the last good one stays in use.',
    labels: [],
  },
} as const satisfies Record<string, MetricDefinition>;

export const workerDefinitions = {
  tasksStarted: {
    name: 'regather_worker_tasks_started_total',
    type: 'counter',
    help: 'Tasks whose handler was called.',
    labels: ['method'],
  },
  tasksFinished: {
    name: 'regather_worker_tasks_finished_total',
    type: 'counter',
    help: 'Tasks ended after they had started, by method and status code.',
    labels: ['method', 'code'],
  },
  tasksAborted: {
    name: 'regather_worker_tasks_aborted_total',
    type: 'counter',
    help: 'Tasks whose AbortSignal fired while they ran.',
    labels: ['method'],
  },
  tasksHeldBack: {
    name: 'regather_worker_tasks_held_back_total',
    type: 'counter',
    help: 'Tasks that waited or were turned away, with slots free, because others of their method and shard hung, or had yet to show that they did not.',
    labels: ['method'],
  },
  tasksNotStarted: {
    name: 'regather_worker_tasks_not_started_total',
    type: 'counter',
    help: 'Tasks that never reached their handler, by reason: expired, cancelled, queue_full, too_late, shard_hangs, calls_full, draining, not_served.',
    labels: ['method', 'reason'],
  },
  queueDepth: {
    name: 'regather_worker_queue_depth',
    type: 'gauge',
    help: 'Tasks that wait for an execution slot.',
    labels: [],
  },
  tasksHeld: {
    name: 'regather_worker_tasks_held',
    type: 'gauge',
    help: 'Of those that wait: tasks that wait because others of their method and shard hang, whether or not slots are free.',
    labels: [],
  },
  tasksInFlight: {
    name: 'regather_worker_tasks_in_flight',
    type: 'gauge',
    help: 'Tasks that run.',
    labels: [],
  },
  queueSeconds: {
    name: 'regather_worker_queue_seconds',
    type: 'histogram',
    help: 'Time that a task waited for an execution slot.',
    labels: ['method'],
    buckets: secondsBuckets,
  },
  serviceSeconds: {
    name: 'regather_worker_service_seconds',
    type: 'histogram',
    help: 'Time that a handler ran.',
    labels: ['method'],
    buckets: secondsBuckets,
  },
  links: {
    name: 'regather_worker_links',
    type: 'gauge',
    help: 'Links that are open.',
    labels: [],
  },
  combines: {
    name: 'regather_worker_combines_total',
    type: 'counter',
    help: 'Times that shards of one call were combined, by outcome: combined, apart (would lose something), malformed.',
    labels: ['outcome'],
  },
  bytesOut: {
    name: 'regather_worker_bytes_out_total',
    type: 'counter',
    help: 'Bytes of partials sent.',
    labels: [],
  },
  shards: {
    name: 'regather_worker_shards',
    type: 'gauge',
    help: 'Shards that are open.',
    labels: [],
  },
} as const satisfies Record<string, MetricDefinition>;

/** Of every process. */
export const processDefinitions = {
  eventLoopDelay: {
    name: 'regather_event_loop_delay_seconds',
    type: 'gauge',
    help: 'How late the event loop was: p50 and p99 of the last two seconds, max since the last scrape.',
    labels: ['at'],
  },
  state: {
    name: 'regather_state',
    type: 'gauge',
    help: '1 for the state that the process is in: loading, ready, draining, saving, stopped.',
    labels: ['state'],
  },
  buildInfo: {
    name: 'regather_build_info',
    type: 'gauge',
    help: 'Always 1; the labels say what runs.',
    labels: ['version', 'node', 'kind'],
  },
} as const satisfies Record<string, MetricDefinition>;
