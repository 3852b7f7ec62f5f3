/** What is configured for the root and for one method becomes one closed value per method. */
import test from 'ava';
import { defaultPolicy, resolvePolicies } from '../../root/policy.ts';
import { RegatherError } from '../../shared/errors/errors.ts';
import { searchPlan } from '../kit/cluster.ts';

test('a method takes what it says, then what the root says, then the default', (t) => {
  const { root, methods } = resolvePolicies(
    searchPlan,
    { hedge: { quantile: 0.9 }, breaker: { minCalls: 7 } },
    { TopK: { hedge: { minDelayMs: 5 }, retry: { enabled: false } } },
  );
  t.is(root.breaker.minCalls, 7);
  t.is(root.breaker.windowMs, defaultPolicy.breaker.windowMs);
  t.deepEqual(methods.get('TopK')?.hedge, { ...defaultPolicy.hedge, quantile: 0.9, minDelayMs: 5 });
  t.deepEqual(methods.get('TopK')?.retry, { enabled: false });
  t.deepEqual(methods.get('Some')?.hedge, { ...defaultPolicy.hedge, quantile: 0.9 });
  t.deepEqual(
    [...methods.keys()],
    searchPlan.methods.map(({ name }) => name),
  );
});

test('a method that says nothing of the budget shares the root’s', (t) => {
  const { root, methods } = resolvePolicies(searchPlan, {}, { TopK: { budget: { ratio: 0.5 } } });
  t.is(methods.get('Some')?.budget, root.budget);
  t.not(methods.get('TopK')?.budget, root.budget);
});

test('values out of bounds, unknown keys and unknown methods are named', (t) => {
  const messageOf = (make: () => unknown): string => {
    const error = t.throws(make, { instanceOf: RegatherError });
    t.is(error.code, 'CONFIG_INVALID');
    return error.message;
  };
  t.is(
    messageOf(() => resolvePolicies(searchPlan, { hedge: { quantile: 3 } })),
    'root.policy.hedge.quantile: expected a number from 0 to 1, got 3',
  );
  t.is(
    messageOf(() => resolvePolicies(searchPlan, {}, { TopK: { hedge: { minSamples: 0.5 } } })),
    'root.methods.TopK.hedge.min_samples: expected an integer from 1 to 1000000, got 0.5',
  );
  t.is(
    messageOf(() => resolvePolicies(searchPlan, { hedge: { delay: 3 } as never })),
    'root.policy.hedge: expected known keys, got delay',
  );
  t.is(
    messageOf(() => resolvePolicies(searchPlan, { admission: { max: 50 } })),
    'root.policy.admission: expected min ≤ initial ≤ max, got 8, 100 and 50',
  );
  t.is(
    messageOf(() => resolvePolicies(searchPlan, {}, { TopKk: {} })),
    'root.methods.TopKk: expected a method of acme.search.v1.Search, got "TopKk". Did you mean "TopK"?',
  );
});
