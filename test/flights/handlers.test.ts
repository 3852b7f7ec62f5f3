import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import type { GroupBy } from '../../examples/flights/messages.ts';
import { openShard } from '../../examples/flights/open-shard.ts';
import { partition } from '../../examples/flights/partition.ts';
import { makeExtract } from './extract.ts';
import { filters, idLists, summaries, worsts } from './requests.ts';
import { Truth } from './truth.ts';

const extract = await makeExtract(300);
const folder = join(extract.folder, 'data');
await partition({ source: extract.source, folder, shards: 1 });
const truth = await Truth.open(extract.source);
const shard = await openShard(0, 1, { folder });
test.after.always(async () => {
  await shard.close();
  truth.close();
  await extract.remove();
});

const call = { signal: new AbortController().signal };
const runs = { seed: 20010101, numRuns: 40 };

function complete(filter: { from?: string; until?: string; origin?: string; destination?: string } = {}) {
  return { from: '', until: '', origin: '', destination: '', ...filter };
}

/** As a codec would hand it out. */
function decoded(flight: { id: unknown }): unknown {
  return { ...flight, id: String(flight.id) };
}

test('a shard of everything counts as DuckDB does over the source', async (t) => {
  await fc.assert(
    fc.asyncProperty(summaries, async (request) => {
      const answer = await shard.Summary(
        { filter: complete(request.filter), groupBy: request.groupBy as GroupBy },
        call,
      );
      const expected = await truth.summary({ filter: request.filter!, groupBy: request.groupBy });
      t.is(String(answer.total), expected.total);
      const groups = answer.groups.toSorted((a, b) => (a.key < b.key ? -1 : 1));
      t.deepEqual(
        groups.map(({ count, delaySum, distanceSum, ...rest }) => ({
          count: String(count),
          delaySum: String(delaySum),
          distanceSum: String(distanceSum),
          delayAvg: Number(delaySum) / Number(count),
          distanceAvg: Number(distanceSum) / Number(count),
          ...rest,
        })),
        expected.groups as never,
      );
    }),
    runs,
  );
});

test('a shard of everything has the worst flights that DuckDB has', async (t) => {
  await fc.assert(
    fc.asyncProperty(worsts, async ({ filter, limit = 0, offset = 0 }) => {
      const answer = await shard.Worst({ filter: complete(filter), limit, offset }, call);
      const expected = await truth.worst({ filter: filter!, limit, offset });
      t.deepEqual(answer.flights.map(decoded), expected.flights);
      t.is(String(answer.total), expected.total);
    }),
    runs,
  );
});

test('a shard of everything finds and streams the flights that DuckDB does', async (t) => {
  await fc.assert(
    fc.asyncProperty(filters, idLists(10_000), async (filter, ids) => {
      const many = await shard.GetMany({ ids: ids.map(String) }, call);
      t.deepEqual(many.flights.map(decoded), await truth.getMany(ids));
      const streamed: unknown[] = [];
      for await (const { flights } of shard.Stream({ filter: complete(filter) }, call)) {
        streamed.push(...flights.map(decoded));
      }
      t.deepEqual(streamed, await truth.stream(filter));
    }),
    runs,
  );
});

test('a flight that is not there is NOT_FOUND, and a filter that is wrong INVALID_ARGUMENT', async (t) => {
  const missing = await t.throwsAsync(shard.Get({ id: '10000' }, call));
  t.like(missing, { code: 5, message: 'There is no flight 10000' });
  const filter = complete({ from: '2001-02-30' });
  const wrong = await t.throwsAsync(shard.Summary({ filter, groupBy: 'HOUR' }, call));
  t.like(wrong, { code: 3 });
  t.regex(wrong.message, /filter\.from.*"2001-02-30"/);
  const backwards = complete({ from: '2001-03-01', until: '2001-02-01' });
  t.like(await t.throwsAsync(shard.Worst({ filter: backwards, limit: 1, offset: 0 }, call)), { code: 3 });
  t.like(await t.throwsAsync(shard.Summary({ filter: null, groupBy: 9 as never }, call)), { code: 3 });
});

test('text in a filter is text, whatever is in it', async (t) => {
  for (const origin of [`' OR 1 = 1 --`, '%', '\\', '✈', 'atl']) {
    t.is((await shard.Summary({ filter: complete({ origin }), groupBy: 'ROUTE' }, call)).total, 0, origin);
  }
});

test('a cancelled call ends with its reason, and the shard goes on', async (t) => {
  const reason = new Error('the client left');
  const aborted = { signal: AbortSignal.abort(reason) };
  t.is(await t.throwsAsync(shard.Summary({ filter: null, groupBy: 'ROUTE' }, aborted)), reason);

  const controller = new AbortController();
  const running = shard.Summary({ filter: null, groupBy: 'ROUTE' }, controller);
  controller.abort(reason);
  t.is(await t.throwsAsync(running), reason);

  const streaming = new AbortController();
  const items = shard.Stream({ filter: null }, streaming)[Symbol.asyncIterator]();
  t.false((await items.next()).done);
  streaming.abort(reason);
  t.is(await t.throwsAsync(async () => items.next()), reason);
  t.is((await shard.Summary({ filter: null, groupBy: 'NOTHING' }, call)).total, 10_000);
});

test('many calls at once, some streams given up, all get their own answer', async (t) => {
  const expected = await truth.summary({ groupBy: 'ROUTE' });
  await Promise.all(
    Array.from({ length: 24 }, async (_, at) => {
      if (at % 3 === 0) {
        for await (const { flights } of shard.Stream({ filter: null }, call)) {
          t.true(flights.length > 0);
          break;
        }
      } else if (at % 3 === 1) {
        t.is((await shard.Get({ id: String(at) }, call)).id, at);
      } else {
        const answer = await shard.Summary({ filter: null, groupBy: 'ROUTE' }, call);
        t.is(answer.groups.length, expected.groups.length);
      }
    }),
  );
});

test('closing ends what runs and refuses what comes', async (t) => {
  const own = await openShard(0, 1, { folder });
  const items = own.Stream({ filter: null }, call)[Symbol.asyncIterator]();
  await items.next();
  const running = own.Summary({ filter: null, groupBy: 'ROUTE' }, call).catch(() => 'ended');
  await own.close();
  await running;
  await t.throwsAsync(async () => items.next(), { message: /closed/ });
  await t.throwsAsync(own.Get({ id: '1' }, call), { message: /closed/ });
  await own.close();
});
