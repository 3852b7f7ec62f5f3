/** The differential test itself: random requests through a root, compared with the truth to the last bit. */
import { status } from '@grpc/grpc-js';
import type { ExecutionContext } from 'ava';
import fc from 'fast-check';
import type { FlightsClient } from '../../examples/flights/client.ts';
import { filters, idLists, ids, summaries, worsts } from './requests.ts';
import type { Truth } from './truth.ts';

export interface Subject {
  readonly client: FlightsClient;
  readonly truth: Truth;
  readonly shards: number;
  /** How many flights there are in all. */
  readonly flights: number;
  readonly runs: { readonly seed: number; readonly numRuns: number };
}

const whole = {
  epoch: '1',
  truncated: false,
  missing: [],
  expectedDocuments: '0',
  answeredDocuments: '0',
};

export async function summariesAgree(t: ExecutionContext, subject: Subject): Promise<void> {
  const { client, truth, shards, runs } = subject;
  await fc.assert(
    fc.asyncProperty(summaries, async (request) => {
      const { response } = await client.call<object>('Summary', request);
      const expected = await truth.summary(request);
      t.deepEqual(response, { ...expected, coverage: { expected: shards, answered: shards, ...whole } });
    }),
    runs,
  );
}

export async function worstsAgree(t: ExecutionContext, subject: Subject): Promise<void> {
  const { client, truth, shards, runs } = subject;
  await fc.assert(
    fc.asyncProperty(worsts, async (request) => {
      const { response } = await client.call<object>('Worst', request);
      const expected = await truth.worst(request);
      t.deepEqual(response, { ...expected, coverage: { expected: shards, answered: shards, ...whole } });
    }),
    runs,
  );
}

export async function getsAgree(t: ExecutionContext, subject: Subject): Promise<void> {
  const { client, truth, flights, runs } = subject;
  await fc.assert(
    fc.asyncProperty(ids(flights), async (id) => {
      const expected = await truth.get(id);
      if (expected) {
        const { response, coverage } = await client.call<object>('Get', { id: String(id) });
        t.deepEqual(response, expected);
        t.is(coverage.answered, 1);
      } else {
        const missing = await t.throwsAsync(client.call('Get', { id: String(id) }));
        t.like(missing, { code: status.NOT_FOUND });
        t.regex(missing.message, new RegExp(`There is no flight ${id}`));
      }
    }),
    runs,
  );
}

export async function manyAgree(t: ExecutionContext, subject: Subject): Promise<void> {
  const { client, truth, flights, runs } = subject;
  await fc.assert(
    fc.asyncProperty(idLists(flights), async (list) => {
      const { response, coverage } = await client.call<{ flights: unknown }>('GetMany', {
        ids: list.map(String),
      });
      t.deepEqual(response.flights, await truth.getMany(list));
      t.is(coverage.answered, coverage.expected);
    }),
    runs,
  );
}

/** As sets: a stream promises no order. Each flight comes once. */
export async function streamsAgree(t: ExecutionContext, subject: Subject, asked = filters): Promise<void> {
  const { client, truth, shards, runs } = subject;
  await fc.assert(
    fc.asyncProperty(asked, async (filter) => {
      const streamed: { id: string }[] = [];
      const { coverage } = await client.stream<{ flights: { id: string }[] }>(
        'Stream',
        { filter },
        (message) => {
          for (const flight of message.flights) streamed.push(flight);
        },
      );
      t.is(coverage.answered, shards);
      streamed.sort((a, b) => Number(a.id) - Number(b.id));
      const expected = await truth.stream(filter);
      // deepEqual of a million flights takes minutes, and prints them.
      t.is(streamed.length, expected.length);
      t.true(
        JSON.stringify(streamed.map((one) => ordered({ ...one }))) ===
          JSON.stringify(expected.map((one) => ordered(one as never))),
      );
    }),
    runs,
  );
}

function ordered(flight: Record<string, unknown>): unknown[] {
  return [flight.id, flight.date, flight.origin, flight.destination, flight.delay, flight.distance];
}
