/** docs/guides/write-a-worker.md: its code is taken out of the page, type-checked and run. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import type { Worker } from '../../shard/worker.ts';
import { packageRoot } from '../../shared/package.ts';
import { methodCodecs } from '../../shared/schema/codecs.ts';
import { compilePlan } from '../../shared/schema/compile.ts';
import { loadDescriptors } from '../../shared/schema/descriptors.ts';

const page = readFileSync(join(packageRoot, 'docs/guides/write-a-worker.md'), 'utf8');

/** The page's files, by the name in their first line, in a folder of their own with two shards' data. */
function unpack(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'regather-guide-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const library = pathToFileURL(join(packageRoot, 'index.ts')).href;
  for (const [, name, text] of page.matchAll(/```\w+\n(?:\/\/|#) (\S+)\n([\s\S]*?)```/g)) {
    writeFileSync(join(folder, name!), text!.replaceAll("'regather'", `'${library}'`));
  }
  mkdirSync(join(folder, 'data'));
  writeFileSync(join(folder, 'data/0.txt'), 'red fish\nblue fish\n');
  writeFileSync(join(folder, 'data/1.txt'), 'one fish\ntwo birds\nthree fishes\n');
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  return folder;
}

function caller(t: ExecutionContext, folder: string, address: string) {
  const plan = compilePlan(loadDescriptors({ proto: join(folder, 'words.proto') }), undefined);
  const codecs = methodCodecs(plan);
  const client = new Client(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  t.teardown(() => client.close());
  return (word: string, shard?: number): Promise<object> => {
    const codec = codecs.get('Count')!;
    const metadata = new Metadata();
    if (shard !== undefined) metadata.set('regather-shard', String(shard));
    return new Promise((resolve) => {
      client.makeUnaryRequest(
        '/words.v1.Words/Count',
        (bytes: Buffer) => bytes,
        (bytes: Buffer) => bytes,
        codec.encodeRequest({ word }),
        metadata,
        { deadline: Date.now() + 10_000 },
        (error: ServiceError | null, answer?: Buffer) =>
          resolve(
            error === null ? codec.decodeResponse(answer!) : { code: error.code, details: error.details },
          ),
      );
    });
  };
}

test("the guide's worker runs, and its shards answer", async (t) => {
  const folder = unpack(t);
  const child = spawn(process.execPath, [join(folder, 'main.ts')], { stdio: ['ignore', 'pipe', 'ignore'] });
  const ended = once(child, 'exit');
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
  const count = caller(t, folder, line.trim());
  t.like(await count('fish', 0), { lines: '2', longest: 9 });
  t.like(await count('fish', 1), { lines: '2', longest: 12 });
  t.like(await count('whale', 1), { lines: '0' });
  t.like(await count('', 1), { code: 3, details: 'word must not be empty' });
  t.like(await count('fish'), { code: 9 });
  child.kill('SIGTERM');
  t.deepEqual(await ended, [0, null]);
});

test("the guide's hooks run in the order that it says", async (t) => {
  const folder = unpack(t);
  const { withHooks } = (await import(pathToFileURL(join(folder, 'hooks.ts')).href)) as {
    withHooks(proto: string, note: (what: string) => void): Worker;
  };
  const notes: string[] = [];
  const worker = withHooks(join(folder, 'words.proto'), (what) => notes.push(what));
  await worker.start();
  await worker.stop();
  t.deepEqual(notes, ['ready', 'drain', 'save', 'close', 'stop']);
});

test("the guide's code type-checks against the public types, and mistakes in handlers do not", (t) => {
  const folder = unpack(t);
  const config = {
    extends: join(packageRoot, 'tsconfig.json'),
    compilerOptions: {
      typeRoots: [join(packageRoot, 'node_modules/@types')],
      // The library is imported by its path here.
      rewriteRelativeImportExtensions: false,
    },
    include: [join(folder, '*.ts')],
    exclude: [],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  for (const name of ['worker.ts', 'hooks.ts']) {
    const path = join(folder, name);
    writeFileSync(
      path,
      readFileSync(path, 'utf8').replaceAll(/'file:[^']*index\.ts'/g, `'${join(packageRoot, 'index.ts')}'`),
    );
  }
  const worker = readFileSync(join(folder, 'worker.ts'), 'utf8');
  writeFileSync(
    join(folder, 'wrong.ts'),
    worker.replace('return { lines: 0 };', "return { lines: 'none' };"),
  );
  let output = '';
  try {
    execFileSync(process.execPath, [join(packageRoot, 'node_modules/typescript/bin/tsc'), '-p', folder], {
      encoding: 'utf8',
    });
  } catch (error) {
    output = (error as { stdout: string }).stdout;
  }
  const mistakes = output
    .split('\n')
    .filter((line) => line.startsWith('wrong.ts') || /regather-guide-/.test(line));
  t.true(mistakes.length > 0, 'the wrong type of `lines` is found');
  t.deepEqual(
    mistakes.filter((line) => !/wrong\.ts\(\d+,\d+\)/.test(line)),
    [],
    'and nothing else',
  );
  t.regex(output, /'lines'|lines: /);
});
