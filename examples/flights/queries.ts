/** What `npm start` asks, and how it shows the answers. */
import type { Answer, FlightsClient } from './client.ts';
import type { Flight } from './messages.ts';
import { type Cell, formatCount, formatTable } from './table.ts';

interface Group {
  readonly key: string;
  readonly count: string;
  readonly delayAvg: number;
  readonly delayMin: number;
  readonly delayMax: number;
  readonly distanceAvg: number;
}

export interface Query {
  readonly title: string;
  readonly method: string;
  readonly request: object;
  readonly run: (client: FlightsClient, query: Query) => Promise<Shown>;
}

interface Shown {
  readonly table: string;
  /** What the answer is of, in words. */
  readonly summary: string;
  readonly answer: Answer<unknown>;
}

export const queries: readonly Query[] = [
  {
    title: 'The busiest routes',
    method: 'Summary',
    request: { groupBy: 'ROUTE', order: 'count desc', limit: 5 },
    run: (client, query) => summary(client, query, 'route'),
  },
  {
    title: 'When it is best not to fly',
    method: 'Summary',
    request: { groupBy: 'HOUR', order: 'delay_avg desc', limit: 5 },
    run: (client, query) => summary(client, query, 'hour'),
  },
  {
    title: 'From San Francisco, by month',
    method: 'Summary',
    request: { filter: { origin: 'SFO', until: '2001-07-01' }, groupBy: 'MONTH' },
    run: (client, query) => summary(client, query, 'month'),
  },
  {
    title: 'The most delayed flights of March, after the first three',
    method: 'Worst',
    request: { filter: { from: '2001-03-01', until: '2001-04-01' }, limit: 5, offset: 3 },
    run: async (client, query) => {
      const answer = await client.call<{ flights: Flight[]; total: string }>(query.method, query.request);
      const { flights, total } = answer.response;
      return {
        table: flightTable(flights),
        summary: `${flights.length} of ${formatCount(total)} flights`,
        answer,
      };
    },
  },
  {
    title: 'One flight',
    method: 'Get',
    request: { id: '1234567' },
    run: async (client, query) => {
      const answer = await client.call<Flight>(query.method, query.request);
      return { table: flightTable([answer.response]), summary: '1 flight', answer };
    },
  },
  {
    title: 'Several flights, in the order asked for; there is no 9999999',
    method: 'GetMany',
    request: { ids: ['2999999', '0', '9999999', '1500000', '0'] },
    run: async (client, query) => {
      const answer = await client.call<{ flights: Flight[] }>(query.method, query.request);
      const { flights } = answer.response;
      return { table: flightTable(flights), summary: `${flights.length} flights`, answer };
    },
  },
  {
    title: 'Every flight from JFK to SFO, streamed',
    method: 'Stream',
    request: { filter: { origin: 'JFK', destination: 'SFO' } },
    run: async (client, query) => {
      let flights = 0;
      let late = 0;
      const answer = await client.stream<{ flights: Flight[] }>(query.method, query.request, (message) => {
        flights += message.flights.length;
        for (const { delay } of message.flights) if (delay > 15) late++;
      });
      const row = [formatCount(flights), formatCount(late), formatCount(answer.response)];
      return {
        table: formatTable(['flights', 'over 15 min late', 'messages'], [row]),
        summary: `${formatCount(flights)} flights`,
        answer,
      };
    },
  },
];

/** Runs one and returns what to print. */
export async function show(client: FlightsClient, query: Query): Promise<string> {
  const { table, summary: of, answer } = await query.run(client, query);
  const { answered, expected } = answer.coverage;
  const coverage = `${answered} of ${expected} ${expected === 1 ? 'shard' : 'shards'}`;
  return [
    `${query.title}`,
    `  ${query.method} ${JSON.stringify(query.request)}`,
    '',
    table.replaceAll(/^/gm, '  '),
    '',
    `  ${of} · ${coverage} · ${answer.elapsedMs.toFixed(1)} ms`,
  ].join('\n');
}

async function summary(client: FlightsClient, { method, request }: Query, key: string): Promise<Shown> {
  const answer = await client.call<{ groups: Group[]; total: string }>(method, request);
  const { groups, total } = answer.response;
  const rows = groups.map((group): Cell[] => [
    group.key,
    formatCount(group.count),
    group.delayAvg.toFixed(2),
    group.delayMin,
    group.delayMax,
    group.distanceAvg.toFixed(1),
  ]);
  return {
    table: formatTable([key, 'flights', 'avg delay', 'least', 'most', 'avg miles'], rows),
    summary: `${groups.length} groups of ${formatCount(total)} flights`,
    answer,
  };
}

function flightTable(flights: readonly Flight[]): string {
  return formatTable(
    ['id', 'date', 'from', 'to', 'delay', 'miles'],
    flights.map(({ id, date, origin, destination, delay, distance }) => [
      id,
      date,
      origin,
      destination,
      delay,
      distance,
    ]),
  );
}
