import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { queries } from '../../examples/flights/queries.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const folder = await mkdtemp(join(tmpdir(), 'regather-start-'));
const started = new Set<Example>();
test.after.always(async () => {
  for (const { process } of started) process.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

/** `npm start -- <args>` */
class Example {
  readonly process: ChildProcessByStdio<null, Readable, Readable>;
  /** Of the exit code, once everything was said. */
  readonly exit: Promise<number | null>;
  out = '';
  err = '';

  constructor(...args: string[]) {
    this.process = spawn(process.execPath, ['examples/flights/start.ts', ...args], {
      cwd: repository,
      env: { ...process.env, FLIGHTS_DATA: folder },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.process.stdout.on('data', (data) => {
      this.out += data;
    });
    this.process.stderr.on('data', (data) => {
      this.err += data;
    });
    started.add(this);
    this.exit = once(this.process, 'close').then(([code]) => {
      started.delete(this);
      return code as number | null;
    });
  }

  /** Rejects if it ends before it says so. */
  async says(text: string): Promise<void> {
    const ended = this.exit.then((code) => {
      throw new Error(`It ended with ${code} before it said "${text}": ${this.err}`);
    });
    while (!this.out.includes(text)) await Promise.race([once(this.process.stdout, 'data'), ended]);
    ended.catch(() => {});
  }
}

test.serial('--once partitions with progress, answers every question whole, and exits 0', async (t) => {
  const example = new Example('--once');
  t.is(await example.exit, 0, example.err);
  t.regex(example.out, /^3,000,000 flights in 8 shards, partitioned in /);
  for (const { title } of queries) t.true(example.out.includes(`\n${title}\n`), title);
  t.is(example.out.match(/ {2}.* · 8 of 8 shards · [\d.]+ ms\n/g)?.length, 5);
  t.regex(example.out, /LAX-LAS {4}8,323 {7}9\.68 {4}-27 {3}442 {6}236\.0\n/);
  t.regex(example.err, /^Partitioning: 0 %\n(.*\n)*Partitioning: 100 %\n$/);
  t.deepEqual(await readdir(folder), ['8']);
});

test.serial('it stays up, what it says to try works, and Ctrl-C drains everything', async (t) => {
  const example = new Example('--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0');
  await example.says('Ctrl-C drains it all.');
  t.regex(example.out, /^3,000,000 flights in 8 shards, as partitioned before, and intact\n/);
  const commands = [...example.out.matchAll(/^ {2}npm run --silent regather -- (.*)$/gm)].map(
    ([, args]) => args!,
  );
  t.is(commands.length, 5);
  for (const command of commands) {
    const args = [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);
    const run = promisify(execFile)(process.execPath, ['cli/main.ts', ...args], { cwd: repository });
    await t.notThrowsAsync(run, command);
    t.true((await run).stdout.length > 0, command);
  }
  example.process.kill('SIGINT');
  t.is(await example.exit, 0);
  const address = /a root at (\S+),/.exec(example.out)![1]!;
  const call = promisify(execFile)(process.execPath, ['cli/main.ts', 'call', 'Get', '--address', address], {
    cwd: repository,
  });
  const refused = await t.throwsAsync(call);
  t.is((refused as unknown as { code: number }).code, 1);
});

test.serial('an address that is taken, and options that there are not, are told in one line', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const wrong: [string[], RegExp][] = [
    [['--once', '--listen', address], new RegExp(`taken: ${address}\n$`)],
    [['--twice'], /^Unknown option '--twice'; see npm start -- --help\n$/],
    [['--listen', 'here'], /^--listen: expected host:port, got "here"/],
  ];
  for (const [args, message] of wrong) {
    const example = new Example(...args);
    t.is(await example.exit, 2, example.out);
    t.regex(example.err, message);
    t.false(/^ +at /m.test(example.err), 'no stack');
  }
  const help = new Example('--help');
  t.is(await help.exit, 0);
  t.regex(help.out, /--once/);
});
