/**
 * What a root does against slow and failing shards, as config: `root.policy`, and `root.methods.<Method>` with the same sections, where
 * a method differs. Sections in the order in which they apply. Their defaults are the library's as well (root/policy.ts).
 */
import { z } from 'zod';
import { flag, fraction, integer, number, oneOf, section } from './leaves.ts';

const admission = {
  enabled: flag({
    description:
      'Take on no more leaf calls than workers and root can finish in good time; beyond that, wait shortly or be refused.',
    why: 'Work that comes too late is worth nothing, and keeps other work from being on time.',
  }).default(true),
  initial: integer(1, 1_000_000, {
    description:
      'Leaf calls under way per worker of the topology, to begin with. The limit adapts once half of it is used.',
    why: 'More than workers run at once; less than what hurts them before a few windows of a second have lowered it.',
  }).default(100),
  min: integer(1, 1_000_000, {
    description: 'The least that the limit may become, per worker.',
    why: 'What keeps the slots of a small worker busy: a limit can be wrong, a standstill always is.',
  }).default(8),
  max: integer(1, 1_000_000, {
    description: 'The most that the limit may become, per worker.',
    why: "A worker's queue.",
  }).default(1000),
  queue: integer(0, 1_000_000, {
    description: 'Requests that may wait to be admitted; a higher priority takes the place of a lower one.',
    why: 'The time bounds it, not this; this bounds the memory.',
  }).default(1000),
  max_wait_ms: integer(1, 60_000, {
    description:
      'How long a request may wait to be admitted. Those that would wait for longer are refused at once.',
    why: 'A burst of a tenth of a second is ridden out. What is longer is overload, and a client should hear of it.',
  }).default(100),
};

const balance = {
  by: oneOf(['load', 'turns'], {
    description:
      'How a task finds its replica: `load` takes the lowest latency² × (tasks in flight + 1); `turns` goes round, whatever they are like.',
    why: 'A replica that is slow or busy gets less, without being given up.',
  }).default('load'),
};

const hedge = {
  enabled: flag({
    description: 'Ask a second replica for tasks that take longer than most, and take what comes first.',
    why: 'One replica that hangs must not set the latency of the whole answer. Only idempotent methods are hedged.',
  }).default(true),
  quantile: fraction({
    description: "A task is hedged when it has taken longer than this quantile of its method's tasks.",
    why: 'One task in twenty is slow by definition, so hedging costs 5 % at most.',
  }).default(0.95),
  min_delay_ms: number(0, 60_000, {
    description: 'Never hedge sooner than this.',
    why: 'Below it, jitter of timers and networks is what is measured.',
  }).default(2),
  min_samples: integer(1, 1_000_000, {
    description: 'Tasks that a method must have answered in the last 10 s before any is hedged.',
    why: 'A quantile of 0.95 of fewer is a guess.',
  }).default(200),
  max_loop_delay_ms: number(0, 60_000, {
    description:
      "While the root's own event loop is so late, at its 99th percentile, only tasks are hedged that have been open beyond the delay for twice as long as it is late.",
    why: 'What looks slow may then be waiting here, and more work makes it worse.',
  }).default(5),
};

const budget = {
  ratio: fraction({
    description: 'The most that hedges, retries and probes may add together, as a share of first attempts.',
    why: 'Enough for every slow task twice over; too little to turn an overload into a collapse.',
  }).default(0.1),
  hedges: fraction({
    description: 'What hedges alone may add.',
    why: 'As many as a quantile of 0.95 asks for.',
  }).default(0.05),
  burst: integer(1, 1_000_000, {
    description: 'Extra tasks that may be saved up; what two seconds of traffic earn, if that is more.',
    why: 'A root with little traffic can still try again what a lost worker held.',
  }).default(100),
};

const retry = {
  enabled: flag({
    description: 'Try failed tasks of idempotent methods once more, on another replica.',
    why: 'One lost worker should cost no answers.',
  }).default(true),
};

const breaker = {
  enabled: flag({
    description:
      'Avoid workers and replicas that mostly fail, until probes succeed. Operators may open breakers all the same.',
    why: 'What fails fast would cost a second attempt each time.',
  }).default(true),
  window_ms: integer(100, 600_000, {
    description: 'What a breaker remembers.',
    why: 'Long enough for a rate, short enough to forget.',
  }).default(10_000),
  min_calls: integer(1, 1_000_000, {
    description: 'Fewer outcomes than this in the window never open it.',
    why: 'A handful of failures says nothing of a rate.',
  }).default(20),
  error_percent: integer(1, 100, {
    description: 'Opens above this share of failures.',
    why: 'Below it, most of what is sent there still helps.',
  }).default(50),
  backoff_ms: integer(1, 3_600_000, {
    description: 'How long it stays open at first; doubles with every probe that fails, ± 20 %.',
    why: 'About what a process takes to start again.',
  }).default(5_000),
  max_backoff_ms: integer(1, 3_600_000, {
    description: 'The longest that it stays open.',
    why: 'A worker that came back is used within a minute.',
  }).default(60_000),
  probes: integer(1, 100, {
    description: 'Successes that a half-open breaker needs to close.',
    why: 'One may be luck.',
  }).default(3),
};

const ejection = {
  enabled: flag({
    description: 'Avoid replicas that are slow next to the others of their shard, as those are that fail.',
    why: 'A replica that is slow all the time costs a hedge for every task.',
  }).default(true),
  factor: number(1.1, 1000, {
    description: "Slow is a median latency above this multiple of the siblings' median.",
    why: 'Machines of one kind differ by less, and a busy one by more only for a while.',
  }).default(3),
  window_ms: integer(100, 600_000, {
    description: 'Medians are taken over this long.',
    why: 'Shorter than a bad minute, longer than a collection of garbage.',
  }).default(5_000),
  windows: integer(1, 100, {
    description: 'Slow windows in a row before a replica is ejected.',
    why: 'One may be a deployment or a backup.',
  }).default(3),
  min_samples: integer(1, 1_000_000, {
    description: 'Tasks that a replica must have answered in a window to be judged.',
    why: 'A median of fewer is a guess.',
  }).default(20),
  min_ms: number(0, 60_000, {
    description: 'A median up to this is never slow.',
    why: 'Another zone is a few milliseconds away, and answers well.',
  }).default(5),
  max_percent: integer(1, 100, {
    description: 'Workers that may be ejected at once, wholly or in part, in percent; one always may.',
    why: 'If more are slow, the others could not take what they have.',
  }).default(33),
};

const coverage = {
  wait: fraction({
    description:
      'Where a partial answer will do and its minimum is in: the most that is waited for the rest, as a share of the time left. The less is still to come, the shorter.',
    why: 'Half of the time buys the last tenth of the answer at most; the other half is for whoever asked.',
  }).default(0.5),
  tail: number(1, 1000, {
    description:
      'All the same the rest has until so many times what the minimum took, within the deadline: usual stragglers are not cut off.',
    why: 'The slowest of a thousand alike takes about three times what nine tenths of them take, where latency is exponential.',
  }).default(3),
  flush: fraction({
    description:
      'Where a partial answer will do: workers send what is ready after this share of the time, so that a slow shard keeps none out.',
    why: 'Later than most answers, so that they still come combined; early enough to leave time for the rest.',
  }).default(0.05),
};

/** For every method. Without defaults, so that what isn't said is the root's. */
const perMethod = { balance, hedge, budget, retry, coverage };

export const policySchema = section({
  admission: section(admission).prefault({}),
  balance: section(balance).prefault({}),
  hedge: section(hedge).prefault({}),
  budget: section(budget).prefault({}),
  retry: section(retry).prefault({}),
  breaker: section(breaker).prefault({}),
  ejection: section(ejection).prefault({}),
  coverage: section(coverage).prefault({}),
});

export const methodPolicySchema = section({
  balance: section(overriding(perMethod.balance)).optional(),
  hedge: section(overriding(perMethod.hedge)).optional(),
  budget: section(overriding(perMethod.budget)).optional(),
  retry: section(overriding(perMethod.retry)).optional(),
  coverage: section(overriding(perMethod.coverage)).optional(),
});

type Overriding<T extends Record<string, z.ZodDefault>> = {
  [K in keyof T]: z.ZodOptional<T[K]['def']['innerType']>;
};

function overriding<T extends Record<string, z.ZodDefault>>(shape: T): Overriding<T> {
  return Object.fromEntries(
    Object.entries(shape).map(([name, leaf]) => [name, z.optional(leaf.unwrap() as z.ZodType)]),
  ) as unknown as Overriding<T>;
}
