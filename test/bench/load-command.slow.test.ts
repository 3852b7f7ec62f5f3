/** `regather bench load` as people run it, against a cluster of its own. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { LoadRun } from '../../bench/load/run.ts';
import { folderWith, regather, searchConfig, searchModule, start } from '../ops/process.ts';

interface Cluster {
  readonly folder: string;
  readonly address: string;
}

async function cluster(t: ExecutionContext): Promise<Cluster> {
  const folder = folderWith(t, { 'regather.yaml': searchConfig, 'worker.ts': searchModule });
  const up = start(t, folder, 'up', '--json', '--workers', '2');
  const ready = await up.until('ready', ({ event }) => event === 'ready');
  return { folder, address: ready.address as string };
}

/** Short, and without what a busy machine would make of lateness: void runs exit with 1, and say why. */
const brief = ['--warm-up', '200ms', '--duration', '1s'];

test.serial('a run by reflection, with requests from a file, ends with a whole report', async (t) => {
  const { folder, address } = await cluster(t);
  writeFileSync(join(folder, 'requests.jsonl'), '{"text":"a","limit":3}\n\n{"text":"b","limit":2}\n');
  const { code, out, err } = await regather(
    ...[folder, 'bench', 'load', 'TopK', '--address', address, '--requests', 'requests.jsonl'],
    ...['--rate', '50', '--order', 'random', '--processes', '2', '--out', 'report', ...brief],
  );
  const run = JSON.parse(readFileSync(join(folder, 'report', 'run.json'), 'utf8')) as LoadRun;
  t.is(code, run.void.length === 0 ? 0 : 1, err);
  t.is(err.includes('Void'), run.void.length > 0);
  t.regex(out, /^50\/s +\d/m);
  t.regex(out, /100\.00 %/);
  t.deepEqual(
    ['index.html', 'run.hgrm', 'run.json', 'timeline.svg'].filter(
      (file) => !existsSync(join(folder, 'report', file)),
    ),
    [],
  );
  t.like(run, { loop: 'open', interrupted: false, target: { address } });
  t.is(run.options.requests, 2);
  const sum = (
    key: 'scheduled' | 'ok' | 'shardsExpected' | 'shardsAnswered' | 'dropped' | 'unfinished',
  ): number => run.blocks.reduce((total, block) => total + block[key], 0);
  t.true(sum('scheduled') > 20);
  t.is(sum('ok'), sum('scheduled'));
  t.is(sum('shardsExpected'), 4 * sum('ok'));
  t.is(sum('shardsAnswered'), 4 * sum('ok'));

  const again = await regather(
    folder,
    'bench',
    'load',
    'TopK',
    '--address',
    address,
    '--out',
    'report',
    ...brief,
  );
  t.is(again.code, 2);
  t.is(again.err, 'Expected a report folder that doesn\'t exist, got "report"\n');
});

test.serial(
  'a generator, a replayed log, steps and a closed loop, with --json an event per line',
  async (t) => {
    const { folder, address } = await cluster(t);
    writeFileSync(
      join(folder, 'generator.mjs'),
      'export default (index, random) => ({ text: String(index), limit: 1 + Math.floor(random() * 5) });\n',
    );
    const log = Array.from({ length: 20 }, (_, i) =>
      JSON.stringify({ at_ms: 500 + i * 50, request: { limit: 1 } }),
    );
    writeFileSync(join(folder, 'log.jsonl'), log.join('\n'));
    const events = async (...args: string[]) => {
      const { out, err } = await regather(folder, 'bench', 'load', 'TopK', '-a', address, '--json', ...args);
      t.is(err, '');
      return out
        .trim()
        .split('\n')
        .map(
          (line) =>
            JSON.parse(line) as {
              event: string;
              scheduled?: number;
              ok?: number;
              phases?: { name: string }[];
            },
        );
    };
    const generated = await events(
      '--generator',
      'generator.mjs',
      '--steps',
      '40,80',
      '--step-seconds',
      '0.5',
      '--warm-up',
      '0',
    );
    t.is(generated[0]!.event, 'start');
    const result = generated.at(-1)!;
    t.is(result.event, 'result');
    t.deepEqual(
      result.phases?.map(({ name }) => name),
      ['40/s', '80/s'],
    );
    t.is(result.ok, result.scheduled);

    const replayed = (await events('--replay', 'log.jsonl', '--speed', '2')).at(-1)!;
    t.like(replayed, { event: 'result', scheduled: 20, ok: 20 });
    t.deepEqual(
      replayed.phases?.map(({ name }) => name),
      ['replay × 2'],
    );

    const closed = (await events('{"limit":1}', '--in-flight', '3', '--count', '50', '--warm-up', '0')).at(
      -1,
    )!;
    t.like(closed, { event: 'result', scheduled: 50, ok: 50, loop: 'closed' });
  },
);

test.serial(
  'a server-streaming method counts its whole stream as one request, with its coverage',
  async (t) => {
    const { folder, address } = await cluster(t);
    const { out } = await regather(
      ...[
        folder,
        'bench',
        'load',
        'List',
        '{"perShard": 5}',
        '-a',
        address,
        '--json',
        '--rate',
        '20',
        ...brief,
      ],
    );
    const result = JSON.parse(out.trim().split('\n').at(-1)!) as { scheduled: number };
    t.true(result.scheduled > 0);
    t.like(result, { event: 'result', ok: result.scheduled, errors: {}, coverage: 1 });
  },
);

test.serial('Ctrl-C gives the report so far', async (t) => {
  const { folder, address } = await cluster(t);
  const running = start(
    ...([t, folder, 'bench', 'load', 'TopK', '-a', address, '--json', '--rate', '30'] as const),
    ...['--duration', '10m', '--warm-up', '0', '--out', 'report'],
  );
  await running.until('progress', ({ event, ok }) => event === 'progress' && (ok as number) > 0);
  running.child.kill('SIGINT');
  const result = await running.until('the result', ({ event }) => event === 'result');
  t.is(result.interrupted, true);
  await running.ended;
  const run = JSON.parse(readFileSync(join(folder, 'report', 'run.json'), 'utf8')) as LoadRun;
  t.true(run.interrupted);
  const last = run.blocks.at(-1)!;
  t.true(last.startMs + last.durationMs < 600_000);
  t.is(run.phases[0]!.durationMs, last.startMs + last.durationMs);
});

test.serial('Ctrl-C in the warm-up gives a report that says so, and that can be read again', async (t) => {
  const { folder, address } = await cluster(t);
  const running = start(
    ...([t, folder, 'bench', 'load', 'TopK', '-a', address, '--json', '--rate', '30'] as const),
    ...['--warm-up', '10m', '--out', 'report'],
  );
  await running.until('progress', ({ event }) => event === 'progress');
  running.child.kill('SIGINT');
  const result = await running.until('the result', ({ event }) => event === 'result');
  t.like(result, { interrupted: true, void: ['No request was sent.'] });
  await running.ended;
  const again = await regather(folder, 'bench', 'report', 'report/run.json', '--out', 'again');
  t.is(again.code, 0, again.err);
  t.true(existsSync(join(folder, 'again', 'index.html')));
});

test.serial(
  'wrong usage is one line and exit 2, a failure one line and exit 1, and nothing is left behind',
  async (t) => {
    const { folder, address } = await cluster(t);
    writeFileSync(join(folder, 'bad.jsonl'), '{"limit":1}\n{"limit":"ten"}\n');
    writeFileSync(join(folder, 'back.jsonl'), '{"at_ms":5,"request":{}}\n{"at_ms":4,"request":{}}\n');
    // Milliseconds asked for, microseconds given: the seconds of a run of days would fill the memory.
    const micro = [0, 200_000_000].map((at) => `{"at_ms":${at},"request":{}}\n`).join('');
    writeFileSync(join(folder, 'micro.jsonl'), micro);
    writeFileSync(join(folder, 'endless.jsonl'), '{"at_ms":1e999,"request":{}}\n');
    writeFileSync(join(folder, 'none.mjs'), 'export const other = 1;\n');
    writeFileSync(join(folder, 'file'), '');
    const before = readdirSync(folder).sort();
    const cases: readonly (readonly [args: readonly string[], code: number, line: RegExp])[] = [
      [['TopQ'], 2, /^No method "TopQ"\. Did you mean "TopK"\?$/],
      [['TopK', '{"limit":"ten"}'], 2, /^TopKRequest\.limit: expected uint32 .*got "ten"$/],
      [['TopK', '{'], 2, /^The request: expected JSON, /],
      [['TopK', '--requests', 'bad.jsonl'], 2, /^bad\.jsonl:2: TopKRequest\.limit: expected uint32/],
      [['TopK', '--requests', 'no.jsonl'], 2, /^--requests: cannot read no\.jsonl: /],
      [['TopK', '--replay', 'back.jsonl'], 2, /^back\.jsonl:2: expected .*at_ms that never goes back$/],
      [
        ['TopK', '--replay', 'micro.jsonl'],
        2,
        /^--replay: expected a log, in milliseconds, of at most 24 h, got 55\.6 h$/,
      ],
      [['TopK', '--replay', 'endless.jsonl'], 2, /^endless\.jsonl:1: expected .*at_ms that never goes back$/],
      [
        ['TopK', '--steps', '1,2', '--step-seconds', '50000'],
        2,
        /^--steps: expected steps of at most 24 h, got 27\.8 h$/,
      ],
      [['TopK', '--timeout', '7200000'], 2, /^--timeout: expected a whole number from 1 to 3600000, got/],
      [['TopK', '--generator', 'none.mjs'], 2, /^none\.mjs: --generator: expected a default export/],
      [['TopK', '{}', '--requests', 'bad.jsonl'], 2, /^Expected requests from one place/],
      [['TopK', '--rate', '-5'], 2, /^--rate: expected requests per second, at most 1000000, got "-5"$/],
      [['TopK', '--rate', '5', '--in-flight', '3'], 2, /^Expected a rate \(open loop\) or --in-flight/],
      [['TopK', '--rate', '5', '--ramp', '1:2'], 2, /^Expected one of --rate, --steps, --ramp/],
      [['TopK', '--rate', '5', '--spike', '9@1s'], 2, /^--spike: expected rate:duration@start/],
      [['TopK', '--rate', '5', '--spike', '9:5s@28s'], 2, /^--spike: expected spikes .* within 30000 ms/],
      [['TopK', '--rate', '1000000', '--duration', '1h'], 2, /^Expected a run of at most 20000000 requests/],
      [
        ['TopK', '--duration', 'soon'],
        2,
        /^--duration: expected a duration, for instance 30s or 2m, got "soon"$/,
      ],
      [['TopK', '--address', '127.0.0.1:1'], 1, /^Nobody answers at 127\.0\.0\.1:1: the connection failed$/],
      [['TopK', '--out', 'file'], 2, /^Expected a report folder that doesn't exist, got "file"$/],
      [['TopK', '--out', 'file/report'], 1, /^The report can't be written to "file\/report": /],
    ];
    for (const [args, code, line] of cases) {
      const where = args.includes('--address') ? [] : ['--address', address];
      const ended = await regather(folder, 'bench', 'load', ...args, ...where);
      const lines = ended.err.trimEnd().split('\n');
      t.is(ended.code, code, `${args.join(' ')}: ${ended.err}`);
      t.is(lines.length, 1, ended.err);
      t.regex(lines[0]!, line);
    }
    t.deepEqual(readdirSync(folder).sort(), before);
  },
);

test.serial("a rate that the machine can't send ends when it should, void, with exit 1", async (t) => {
  const { folder, address } = await cluster(t);
  const { code, err } = await regather(
    ...[folder, 'bench', 'load', 'TopK', '-a', address, '--rate', '300000', ...brief],
    ...['--max-in-flight', '50', '--timeout', '2000'],
  );
  t.is(code, 1);
  t.regex(err, /^Void, the figures don't count: \d+ of \d+ requests \([\d.]+ %\) were not sent/m);
});
