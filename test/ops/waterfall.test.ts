import test from 'ava';
import type { ExplainJson } from '../../cli/rpc/explain.ts';
import { waterfall } from '../../cli/rpc/waterfall.ts';

const explain: ExplainJson = {
  verdict: 'shard 7 on w1: service 80.0 ms of 100 ms',
  method: 'TopK',
  scatter: 'ALL',
  tasks: 3,
  epoch: '4',
  totalUs: 100_000,
  allowedUs: 200_000,
  admissionUs: 10_000,
  mergeUs: 10_000,
  hedgeAfterUs: 40_000,
  primaries: 3,
  hedges: 1,
  budgetLeft: 9,
  hedgesLeft: 4,
  shards: [
    {
      shard: 7,
      attempts: [
        {
          kind: 'PRIMARY',
          worker: 'w1',
          outcome: 'ANSWERED',
          startedUs: 10_000,
          tookUs: 80_000,
          queueUs: 10_000,
          serviceUs: 50_000,
          heldUs: 10_000,
          wireUs: 10_000,
        },
        { kind: 'HEDGE', worker: 'w2', outcome: 'BEATEN', startedUs: 50_000, tookUs: 40_000 },
      ],
    },
    {
      shard: 12,
      notHedged: 'replica_busy',
      attempts: [{ kind: 'PROBE', worker: 'w3', outcome: 'ANSWERED', startedUs: 10_000, tookUs: 30_000 }],
    },
    {
      shard: 0,
      missing: 'FAILED',
      attempts: [
        {
          kind: 'PRIMARY',
          worker: 'w1',
          outcome: 'FAILED',
          startedUs: 10_000,
          tookUs: 5_000,
          queueUs: 1_000,
          serviceUs: 3_000,
          wireUs: 1_000,
          detail: `NOT_FOUND: ${'x'.repeat(200)}`,
        },
      ],
    },
  ],
  shardsLeftOut: 5,
};

test('a line for each attempt, over the time of the answer', (t) => {
  const lines = waterfall(
    { ...explain, shards: explain.shards!.slice(0, 2) },
    { width: 100, colour: false, shards: 16 },
  ).split('\n');
  t.is(lines[0], explain.verdict);
  t.is(
    lines[1],
    'TopK: ALL, 3 tasks, epoch 4; attempts: 3 first, 1 hedge; hedging after 40.0 ms; budget left: 9, for hedges 4; time allowed: 200 ms',
  );
  t.true(
    lines.slice(2, -1).every((line) => line.length <= 100),
    lines.join('\n'),
  );
  const bar = (i: number): string => lines[i]!.slice(lines[2]!.indexOf('0'), lines[2]!.length);
  const shares = (text: string, mark: string): number =>
    [...text].filter((one) => one === mark).length / text.length;
  t.true(Math.abs(shares(bar(5), '█') - 0.5) <= 0.1);
  t.true(Math.abs(shares(bar(6), '×') - 0.4) <= 0.1);
  t.regex(lines[6]!, /^ {2}w2 hedge +×+ +40\.0 ms beaten$/);
  t.regex(lines[7]!, /^12 w3 probe +▓+ +30\.0 ms, not hedged \(replica_busy\)$/);
  t.is(lines.at(-2), '5 more shards, all of them earlier');
  t.regex(lines.at(-1)!, /^█ service {3}· queue {3}─ network/);
});

for (const width of [40, 80, 110, 200]) {
  test(`no line below the headline is wider than a terminal of ${width} columns`, (t) => {
    const lines = waterfall(explain, { width, colour: false, shards: 16 }).split('\n').slice(2, -1);
    for (const line of lines) t.true(line.length <= width, `${line.length}: ${line}`);
  });
}

test('of a failed attempt it says where its time went, and how it failed', (t) => {
  const [line] = waterfall(explain, { width: 400, colour: false, shards: 16 })
    .split('\n')
    .filter((one) => one.startsWith('0 w1'));
  t.regex(line!, /5\.00 ms failed: NOT_FOUND: x+ \(queue 1\.00 ms, service 3\.00 ms, wire 1\.00 ms\)$/);
});

test('shards beyond those that are drawn are counted with those that were left out', (t) => {
  const text = waterfall(explain, { width: 100, colour: false, shards: 1 });
  t.true(text.includes('\n7 more shards, all of them earlier\n'));
  t.false(text.includes('w3'));
});

test('colours are only added to what is there without them', (t) => {
  const options = { width: 100, shards: 16 };
  const coloured = waterfall(explain, { ...options, colour: true });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what a colour is
  const plain = coloured.replaceAll(/\u001b\[\d+m/g, '');
  t.not(plain, coloured);
  t.is(plain, waterfall(explain, { ...options, colour: false }));
});
