/** Random requests, in which rare things are common: nothing matches, limits beyond the end, ids of no flight, ids asked for twice. */
import fc from 'fast-check';
import type { Filter, SummaryRequest, WorstRequest } from './truth.ts';

/** Large and small airports, airports that only one end of a route has, and one that there isn't. */
const airports = ['ATL', 'ORD', 'LAX', 'SFO', 'JFK', 'HNL', 'ANC', 'ISP', 'BRW', 'YUM', 'LIH', 'XXX'];

const minute = 60_000;
const first = Date.UTC(2000, 11, 25);
const last = Date.UTC(2001, 6, 8);

/** A time in one of the ways in which it may be written. */
const time = fc
  .record({
    at: fc.integer({ min: first / minute, max: last / minute }),
    form: fc.constantFrom('date', 'utc', 'zone'),
  })
  .map(({ at, form }) => {
    const iso = new Date(at * minute).toISOString();
    if (form === 'date') return iso.slice(0, 10);
    if (form === 'utc') return `${iso.slice(0, 19)}Z`;
    return `${new Date((at - 330) * minute).toISOString().slice(0, 19)}-05:30`;
  });

const airport = fc.option(fc.constantFrom(...airports), { nil: '', freq: 2 });

export const filters: fc.Arbitrary<Filter> = fc
  .record({
    from: fc.option(time, { nil: '' }),
    until: fc.option(time, { nil: '' }),
    origin: airport,
    destination: airport,
  })
  .map((filter) => {
    const backwards = filter.from && filter.until && Date.parse(filter.from) > Date.parse(filter.until);
    return backwards ? { ...filter, from: filter.until, until: filter.from } : filter;
  });

const columns = ['key', 'count', 'delay_sum', 'delay_avg', 'delay_min', 'delay_max'];
columns.push('distance_sum', 'distance_avg', 'distance_min', 'distance_max');

const order = fc
  .uniqueArray(fc.constantFrom(...columns), { maxLength: 3 })
  .chain((names) => fc.tuple(...names.map((name) => fc.constantFrom(name, `${name} asc`, `${name} desc`))))
  .map((parts) => parts.join(', '));

export const summaries: fc.Arbitrary<SummaryRequest> = fc.record({
  filter: filters,
  groupBy: fc.constantFrom('NOTHING', 'ORIGIN', 'DESTINATION', 'ROUTE', 'MONTH', 'HOUR'),
  order,
  limit: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 30 }), fc.integer({ min: 300, max: 5000 })),
  offset: fc.oneof(
    { weight: 2, arbitrary: fc.constant(0) },
    fc.integer({ min: 1, max: 20 }),
    fc.integer({ min: 200, max: 5000 }),
  ),
});

export const worsts: fc.Arbitrary<WorstRequest> = fc.record({
  filter: filters,
  limit: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 50 }), fc.integer({ min: 51, max: 3000 })),
  offset: fc.oneof(
    { weight: 2, arbitrary: fc.constant(0) },
    fc.integer({ min: 1, max: 100 }),
    fc.integer({ min: 101, max: 7000 }),
  ),
});

/** Mostly of flights, if there are `flights` of them. */
export function ids(flights: number): fc.Arbitrary<bigint> {
  return fc.oneof(
    { weight: 8, arbitrary: fc.bigInt(0n, BigInt(flights) - 1n) },
    fc.constantFrom(0n, -1n, BigInt(flights) - 1n, BigInt(flights), 2n ** 63n - 1n, -(2n ** 63n)),
  );
}

/** With some of them twice, or more often. */
export function idLists(flights: number): fc.Arbitrary<bigint[]> {
  return fc
    .array(ids(flights), { minLength: 1, maxLength: 60 })
    .chain((some) => fc.array(fc.constantFrom(...some), { minLength: 1, maxLength: 100 }));
}
