/**
 * What a root does against slow and failing shards, as closed values: one for the root, one for each method. Defaults and their reasons
 * are those of the config's `root.policy` (shared/config/policy-schema.ts, docs/reference/config.md).
 */
import { camelKeys, snakeKeys } from '../shared/config/camel-keys.ts';
import { methodPolicySchema, policySchema } from '../shared/config/policy-schema.ts';
import { RegatherError } from '../shared/errors/errors.ts';
import type { ServicePlan } from '../shared/schema/plan.ts';
import { didYouMean } from '../shared/schema/suggest.ts';
import type { AdmissionOptions } from './admission/admission.ts';
import type { CoverageWait } from './coverage-wait.ts';
import type { BreakerOptions } from './replicas/breaker.ts';
import type { EjectionOptions } from './replicas/ejection.ts';

export interface BalancePolicy {
  /** `load`: the lowest latency × tasks in flight. `turns`: round robin. Default `load`. */
  readonly by: 'load' | 'turns';
}

export interface HedgePolicy {
  /** Default true. Only idempotent methods are hedged. */
  readonly enabled: boolean;
  /** Of the method's primary tasks' latency, 0 … 1. Default 0.95. */
  readonly quantile: number;
  /** Default 2 ms. */
  readonly minDelayMs: number;
  /** Answered tasks in the last 10 s that a quantile takes. Default 200. */
  readonly minSamples: number;
  /** The root's own lateness (p99) from which on only tasks are hedged that have been open beyond the delay for twice as long. Default 5 ms. */
  readonly maxLoopDelayMs: number;
}

export interface BudgetPolicy {
  /** Hedges, retries and probes together, as a share of primary tasks. Default 0.1. */
  readonly ratio: number;
  /** Hedges, as a share of primary tasks. Default 0.05. */
  readonly hedges: number;
  /** Extra tasks that can be saved up: this or what two seconds earn, the larger. Default 100. */
  readonly burst: number;
}

export interface RetryPolicy {
  /** Default true. Once, elsewhere, only idempotent methods and what never started. */
  readonly enabled: boolean;
}

/** Where a partial answer will do. */
export interface CoveragePolicy extends CoverageWait {
  /** Workers send what is ready after this share of the time. Default 0.05. */
  readonly flush: number;
}

/** What may differ from method to method. */
export interface MethodPolicy {
  readonly balance: BalancePolicy;
  readonly hedge: HedgePolicy;
  readonly budget: BudgetPolicy;
  readonly retry: RetryPolicy;
  readonly coverage: CoveragePolicy;
}

export interface Policy extends MethodPolicy {
  /** For all methods together: they share the workers. */
  readonly admission: AdmissionOptions;
  readonly breaker: BreakerOptions;
  readonly ejection: EjectionOptions;
}

type Some<T> = { readonly [K in keyof T]?: Partial<{ [V in keyof T[K]]: T[K][V] | undefined }> | undefined };

/** What differs from the defaults. */
export type PolicyOptions = Some<Policy>;
/** What differs from the root's. A method with a `budget` has one of its own. */
export type MethodPolicyOptions = Some<MethodPolicy>;

export const defaultPolicy: Policy = camelKeys(policySchema.parse({}));

export interface Policies {
  readonly root: Policy;
  /** By the method's short name; every method of the service is in it. */
  readonly methods: ReadonlyMap<string, MethodPolicy>;
}

/** Throws RegatherError CONFIG_INVALID for a value out of bounds and for a method that the service doesn't have. */
export function resolvePolicies(
  plan: ServicePlan,
  options: PolicyOptions = {},
  methods: Readonly<Record<string, MethodPolicyOptions>> = {},
): Policies {
  const names = plan.methods.map(({ name }) => name);
  for (const name of Object.keys(methods)) {
    if (!names.includes(name)) throw wrong(`root.methods.${name}`, unknownMethod(name, plan));
    check(methodPolicySchema, methods[name]!, `root.methods.${name}`);
  }
  check(policySchema, options, 'root.policy');
  const root = over(defaultPolicy, options);
  const { min, initial, max } = root.admission;
  if (min > initial || initial > max) {
    throw wrong('root.policy.admission', `expected min ≤ initial ≤ max, got ${min}, ${initial} and ${max}`);
  }
  return {
    root,
    methods: new Map(names.map((name) => [name, over<MethodPolicy>(root, methods[name] ?? {})])),
  };
}

export function unknownMethod(name: string, plan: ServicePlan): string {
  const names = plan.methods.map((method) => method.name);
  return `expected a method of ${plan.name}, got "${name}".${didYouMean(name, names) || ` It has: ${names.join(', ')}`}`;
}

/** Options come from code as well as from a config, so their bounds are checked here. */
function check(
  schema: typeof policySchema | typeof methodPolicySchema,
  options: object,
  field: string,
): void {
  const parsed = schema.safeParse(snakeKeys(options));
  const issue = parsed.error?.issues[0];
  if (issue === undefined) return;
  let value: unknown = snakeKeys(options);
  for (const step of issue.path) value = (value as Record<PropertyKey, unknown> | undefined)?.[step];
  const keys =
    issue.code === 'unrecognized_keys' ? `expected known keys, got ${issue.keys.join(', ')}` : undefined;
  throw wrong([field, ...issue.path].join('.'), keys ?? `${issue.message}, got ${JSON.stringify(value)}`);
}

function wrong(field: string, message: string): RegatherError {
  return new RegatherError('CONFIG_INVALID', `${field}: ${message}`, { field });
}

function over<T extends object>(base: T, options: Some<T>): T {
  return Object.fromEntries(
    Object.entries(base).map(([section, values]: [string, object]) => {
      const given = (options as Record<string, object | undefined>)[section] ?? {};
      const set = Object.entries(given).filter(([, value]) => value !== undefined);
      return [section, set.length === 0 ? values : { ...values, ...Object.fromEntries(set) }];
    }),
  ) as T;
}
