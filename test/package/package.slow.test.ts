/** What `npm pack` makes, installed in an empty folder: the bin and the library run from it, and its types resolve. */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { packageRoot } from '../../shared/package.ts';

const run = promisify(execFile);

interface Installed {
  /** The empty folder, with regather in its node_modules. */
  readonly app: string;
  /** Paths in the tarball. */
  readonly files: readonly string[];
}

let installed: Installed;

const folder = mkdtempSync(join(tmpdir(), 'regather-package-'));
test.after.always(() => rmSync(folder, { recursive: true, force: true }));

test.before(async () => {
  // Packed from a copy: a build in the checkout would take dist/ from under whoever uses it.
  const source = join(folder, 'source');
  mkdirSync(source);
  for (const name of readdirSync(packageRoot)) {
    if (['.git', '.data', 'dist', 'node_modules', 'test', 'deploy'].includes(name)) continue;
    cpSync(join(packageRoot, name), join(source, name), { recursive: true });
  }
  symlinkSync(join(packageRoot, 'node_modules'), join(source, 'node_modules'));
  const { stdout } = await npm(source, 'pack', '--json', '--pack-destination', folder);
  const [packed] = firstJson(stdout) as { filename: string; files: { path: string }[] }[];
  const app = join(folder, 'app');
  mkdirSync(app);
  writeFileSync(join(app, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  await npm(
    app,
    ...['install', '--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund'],
    join(folder, packed!.filename),
  );
  installed = { app, files: packed!.files.map(({ path }) => path) };
});

/** `npm pack --json` may have lines of the build before its JSON. */
function firstJson(text: string): unknown {
  const parsed: unknown = JSON.parse(text.slice(text.search(/^[[{]/m)));
  return Array.isArray(parsed) ? parsed : Object.values(parsed as object);
}

function npm(cwd: string, ...args: string[]): Promise<{ stdout: string; stderr: string }> {
  return run('npm', args, { cwd, env: clean(), maxBuffer: 64 * 2 ** 20 });
}

/** Without what the npm that runs this suite has set, which would change what another one does; its registry and cache stay. */
function clean(): NodeJS.ProcessEnv {
  const kept = /^npm_config_(registry|cache|userconfig|globalconfig|cafile|proxy|https_proxy|noproxy)$/i;
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(npm_|INIT_CWD$)/i.test(name) || kept.test(name)),
  );
}

test.serial('the tarball has what runs and what is read, and nothing else', (t) => {
  const expected =
    /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|dist\/(index|(root|shard|shared|cli|bench\/(ideal|load|report))\/.+)\.(js|d\.ts)|proto\/regather\/v1\/\w+\.proto|docs\/reference\/[\w.-]+\.(md|json))$/;
  t.deepEqual(
    installed.files.filter((path) => !expected.test(path)),
    [],
  );
  for (const path of [
    'dist/index.js',
    'dist/index.d.ts',
    'dist/cli/main.js',
    'proto/regather/v1/link.proto',
  ]) {
    t.true(installed.files.includes(path), path);
  }
});

test.serial('what exports, types and bin name is there', (t) => {
  const { exports, bin, engines } = manifest();
  const own = join(installed.app, 'node_modules', 'regather');
  for (const path of [exports['.'].types, exports['.'].default, bin.regather]) {
    t.true(existsSync(join(own, path)), path);
  }
  t.is(readFileSync(join(own, bin.regather), 'utf8').split('\n')[0], '#!/usr/bin/env node');
  t.is(engines.node, '>=22.20');
});

test.serial(
  'every import of the package, also of its types, is a file of it or a dependency that it declares',
  (t) => {
    const { dependencies, optionalDependencies } = manifest();
    const own = join(installed.app, 'node_modules', 'regather');
    const wrong: string[] = [];
    for (const path of installed.files.filter((file) => /\.(js|d\.ts)$/.test(file))) {
      const text = readFileSync(join(own, path), 'utf8');
      const imports =
        /^(?:import|export)\b[^;'"`]*\bfrom\s*['"]([^'"\n]+)['"]|\bimport\(\s*['"]([^'"\n]+)['"]\s*\)/gm;
      for (const [, declared, dynamic] of text.matchAll(imports)) {
        const from = declared ?? dynamic;
        if (from!.startsWith('.')) {
          const target = join(own, dirname(path), from!);
          if (!existsSync(path.endsWith('.d.ts') ? target.replace(/\.js$/, '.d.ts') : target))
            wrong.push(`${path}: ${from}`);
          continue;
        }
        const name = from!
          .split('/')
          .slice(0, from!.startsWith('@') ? 2 : 1)
          .join('/');
        if (from!.startsWith('node:') || builtinModules.includes(name) || name === 'regather') continue;
        // What draws pictures is loaded when one is drawn.
        if (path.startsWith('dist/bench/report/picture/') && optionalDependencies[name] !== undefined)
          continue;
        if (dependencies[name] === undefined) wrong.push(`${path}: ${from}`);
      }
    }
    t.deepEqual(wrong, []);
  },
);

const proto = `syntax = "proto3";
package shop.v1;
import "regather/v1/annotations.proto";
service Shop {
  rpc Count(CountRequest) returns (CountResponse) {
    option idempotency_level = NO_SIDE_EFFECTS;
    option (regather.v1.scatter) = { to: ALL timeout_ms: 20000 };
  }
}
message CountRequest { uint32 times = 1; }
message CountResponse { int64 total = 1 [(regather.v1.merge).sum = {}]; }
`;

const workerModule = `import { createWorker } from 'regather';
export default createWorker({
  service: { proto: new URL('shop.proto', import.meta.url).pathname },
  open: (shard) => ({ Count: ({ times }) => ({ total: times * (shard.index + 1) }) }),
});
`;

const config = `service: { proto: shop.proto }
root: { listen: '127.0.0.1:0', admin: '127.0.0.1:0' }
worker: { module: worker.js, listen: '127.0.0.1:0', admin: '127.0.0.1:0' }
shards: { count: 2 }
`;

const libraryRoot = `import { compilePlan, createRoot, loadDescriptors, staticTopology } from 'regather';
const plan = compilePlan(loadDescriptors({ proto: 'shop.proto' }), undefined);
const workers = [{ id: 'w0', address: process.argv[2], shards: [0, 1], weight: 1 }];
const root = createRoot({
  plan,
  topology: staticTopology({ epoch: 1, shardCount: 2, virtualShards: 4096, workers }),
  listen: '127.0.0.1:0',
});
root.lifecycle.onChange((state) => console.log(JSON.stringify({ event: state, address })));
let address;
({ address } = await root.start());
if (root.state === 'ready') console.log(JSON.stringify({ event: 'ready', address }));
`;

const consumer = `import { createReadStream } from 'node:fs';
import {
  type Call, type CustomReducer, type Handler, RegatherError, type Root, type RootOptions, type Worker, compilePlan, createRoot,
  createWorker, loadDescriptors, shardOf, staticTopology,
} from 'regather';

interface Shop {
  Count: Handler<{ times: number }, { total?: string | number }>;
}
const worker: Worker = createWorker<Shop>({
  service: { proto: 'shop.proto' },
  open: async (shard) => ({
    Count: (request, call: Call) => ({ total: call.signal.aborted ? 0 : request.times * shard.count }),
  }),
});
// @ts-expect-error: the handler's answer has no such field
createWorker<Shop>({ service: { proto: 'shop.proto' }, open: () => ({ Count: () => ({ totals: 1 }) }) });
const options: RootOptions = {
  plan: compilePlan(loadDescriptors({ proto: 'shop.proto' }), undefined),
  topology: staticTopology({ epoch: 1, shardCount: 1, virtualShards: 4096, workers: [] }),
  listen: '127.0.0.1:0',
};
const root: Root = createRoot(options);
const shard: number = shardOf('key', 8);
export { type CustomReducer, RegatherError, createReadStream, root, shard, worker };
`;

for (const node of nodes()) {
  test.serial(
    `a worker and a root run from the bin, and a root from the library, on Node ${node.version}`,
    async (t) => {
      const { app } = installed;
      const bin = join(app, 'node_modules', 'regather', 'dist', 'cli', 'main.js');
      writeFileSync(join(app, 'shop.proto'), proto);
      writeFileSync(join(app, 'worker.js'), workerModule);
      writeFileSync(join(app, 'regather.yaml'), config);
      writeFileSync(join(app, 'root.js'), libraryRoot);
      const worker = start(t, node.path, [bin, 'worker', '--json', '--id', 'w0', '--shards', '0,1']);
      const { address } = await worker.event('ready');
      writeFileSync(
        join(app, 'topology.yaml'),
        `workers: [{ id: w0, address: '${address}', shards: [0, 1] }]\n`,
      );
      const roots = [
        start(t, node.path, [bin, 'root', '--json', '--topology', 'topology.yaml']),
        start(t, node.path, [join(app, 'root.js'), address]),
      ];
      for (const root of roots) {
        const ready = await root.event('ready');
        const { stdout } = await run(
          node.path,
          [bin, 'call', 'Count', '{"times": 7}', '--json', '--address', ready.address],
          { cwd: app, env: clean() },
        );
        const { response, coverage } = JSON.parse(stdout) as {
          response: object;
          coverage: { answered: number };
        };
        t.deepEqual(response, { total: '21' });
        t.is(coverage.answered, 2);
        const load = await benchLoad(node.path, bin, ready.address);
        t.true(load.scheduled > 0);
        t.is(load.ok, load.scheduled);
      }
      for (const { child, ended } of [...roots, worker]) {
        child.kill('SIGTERM');
        t.is(await ended, 0);
      }
    },
  );
}

test.serial('types resolve for a TypeScript consumer', async (t) => {
  const { app } = installed;
  writeFileSync(join(app, 'consumer.ts'), consumer);
  const compilerOptions = {
    target: 'es2022',
    module: 'nodenext',
    strict: true,
    noEmit: true,
    exactOptionalPropertyTypes: true,
    types: ['node'],
    typeRoots: [join(packageRoot, 'node_modules', '@types')],
  };
  writeFileSync(join(app, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['consumer.ts'] }));
  const tsc = join(packageRoot, 'node_modules', '.bin', 'tsc');
  const { output, code } = await run(tsc, ['-p', app], { cwd: app }).then(
    ({ stdout }) => ({ output: stdout, code: 0 }),
    (error: { stdout: string }) => ({ output: error.stdout, code: 1 }),
  );
  t.is(output, '');
  t.is(code, 0);
});

/** Its generator is a process and a thread of files in the package. A run that is void, on a busy machine, has a result as well. */
async function benchLoad(
  node: string,
  bin: string,
  address: string,
): Promise<{ scheduled: number; ok: number }> {
  const args = ['bench', 'load', 'Count', '{"times": 7}', '--json', '--address', address];
  const { stdout } = await run(
    node,
    [bin, ...args, '--rate', '50', '--duration', '500ms', '--warm-up', '0'],
    { cwd: installed.app, env: clean() },
  ).catch((failed: { stdout: string }) => failed);
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as { scheduled: number; ok: number };
}

interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<number | NodeJS.Signals | null>;
  /** The first event of that name, by its JSON line. */
  event(name: string): Promise<{ address: string }>;
}

function start(t: ExecutionContext, node: string, args: readonly string[]): Started {
  const child = spawn(node, args, { cwd: installed.app, env: clean(), stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.on('close', (code, signal) => resolve(code ?? signal));
  });
  t.teardown(() => child.kill('SIGKILL'));
  const seen = new Map<string, { address: string }>();
  let wake = (): void => {};
  createInterface({ input: child.stdout }).on('line', (line) => {
    const event = JSON.parse(line) as { event: string; address: string };
    if (!seen.has(event.event)) seen.set(event.event, event);
    wake();
  });
  return {
    child,
    ended,
    event: (name) =>
      new Promise((resolve, reject) => {
        wake = () => {
          const event = seen.get(name);
          if (event !== undefined) resolve(event);
        };
        wake();
        ended.then((code) => reject(new Error(`${args.join(' ')} ended with ${code}: ${said}`)));
      }),
  };
}

/** The oldest Node in PATH that is new enough, and the pinned one if there is none. */
function nodes(): { path: string; version: string }[] {
  const candidates = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => !folder.includes('node_modules'))
    .map((folder) => join(folder, 'node'))
    .filter((path) => existsSync(path));
  for (const path of candidates) {
    const version = versionOf(path);
    const [major = 0, minor = 0] = version.split('.').map(Number);
    if (major > 22 || (major === 22 && minor >= 20)) return [{ path, version }];
  }
  return [{ path: process.execPath, version: process.versions.node }];
}

function versionOf(node: string): string {
  return spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim().replace(/^v/, '');
}

function manifest(): {
  exports: { '.': { types: string; default: string } };
  bin: { regather: string };
  engines: { node: string };
  dependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
} {
  return JSON.parse(
    readFileSync(join(installed.app, 'node_modules', 'regather', 'package.json'), 'utf8'),
  ) as ReturnType<typeof manifest>;
}
