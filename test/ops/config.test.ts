import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { loadService } from '../../cli/service.ts';
import { environmentName, isRepeated, keysOf } from '../../shared/config/keys.ts';
import { type LoadOptions, loadConfig } from '../../shared/config/load.ts';
import { configSchema } from '../../shared/config/schema.ts';
import { configView } from '../../shared/config/view.ts';
import { RegatherError } from '../../shared/errors/errors.ts';

/** A folder with the config and a .proto; messages then name files by their place in it. */
function write(t: ExecutionContext, yaml: string): { file: string; folder: string } {
  const folder = mkdtempSync(join(tmpdir(), 'regather-config-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'search.proto'), '');
  const file = join(folder, 'regather.yaml');
  writeFileSync(file, yaml);
  return { file, folder };
}

function problems(t: ExecutionContext, yaml: string, options: LoadOptions = {}): string[] {
  const { file, folder } = write(t, yaml);
  const error = t.throws(() => loadConfig(file, { env: {}, ...options }), { instanceOf: RegatherError });
  t.is((error as RegatherError | undefined)?.exit, 2);
  return (error?.message ?? '').split('\n').map((line) => line.replace(`${folder}/`, ''));
}

test('every mistake is a line of its own, with file, line, key and value, in the order of the file', (t) => {
  const yaml = `# a config
service: { proto: search.proto, nme: x }
root:
  lisen: 5
  listen: 7000
  admin: 127.0.0.1:99999
worker: 5
shards: { count: 0.5 }
topology:
  static:
    workers:
      - id: w0
        address: here
        shards: [0, a]
log: { level: loud }
admin: { token: 5 }
`;
  t.deepEqual(problems(t, yaml), [
    'regather.yaml:2: service.nme: expected a known key. Did you mean "name"?',
    'regather.yaml:4: root.lisen: expected a known key. Did you mean "listen"?',
    'regather.yaml:5: root.listen: expected "host:port", got 7000',
    'regather.yaml:6: root.admin: expected "host:port", got "127.0.0.1:99999"',
    'regather.yaml:7: worker: expected a section with module, listen, admin, id, shards, concurrency, queue, combine, tls, got 5',
    'regather.yaml:8: shards.count: expected an integer from 1 to 65536, got 0.5',
    'regather.yaml:13: topology.static.workers.0.address: expected "host:port", got "here"',
    'regather.yaml:14: topology.static.workers.0.shards.1: expected an integer from 0 to 65535, got "a"',
    'regather.yaml:15: log.level: expected one of debug, info, warn, error, silent, got "loud"',
    'regather.yaml:16: admin.token: expected a text that is not empty, got something else',
  ]);
});

test('what is not YAML, not there or not a mapping says so', (t) => {
  t.regex(problems(t, 'service: {}\nservice: {}\n')[0] ?? '', /^regather\.yaml:2: expected YAML: .*unique/);
  t.regex(problems(t, '- a\n')[0] ?? '', /^regather\.yaml:1: expected a section with service, root/);
  t.regex(problems(t, '')[0] ?? '', /^regather\.yaml: service: expected a section.* got nothing$/);
  t.throws(() => loadConfig('no-such.yaml', { env: {} }), {
    message: 'no-such.yaml: expected a config file, got no such file',
  });
});

test('files that are not there are named with their key and line', (t) => {
  t.deepEqual(problems(t, 'service:\n  proto: serch.proto\nworker:\n  module: .\n'), [
    'regather.yaml:2: service.proto: expected a file, no such file "serch.proto"',
    'regather.yaml:4: worker.module: expected a file, "." is none',
  ]);
  t.deepEqual(problems(t, 'service: { proto: search.proto, include: [nowhere] }\n'), [
    'regather.yaml:1: service.include.0: expected a folder, no such folder "nowhere"',
  ]);
});

test('rules between keys', (t) => {
  t.deepEqual(problems(t, 'service: {}\ntopology: {}\nshards: { count: 2 }\nworker: { shards: [1, 2] }\n'), [
    'regather.yaml:1: service: expected either "proto" or "descriptor", got neither',
    'regather.yaml:2: topology: expected either "static" or "file", got neither',
    'regather.yaml:4: worker.shards.1: expected a shard from 0 to 1 (shards.count is 2), got 2',
  ]);
  const tls = '{ cert: search.proto, key: search.proto, client_auth: true }';
  t.deepEqual(problems(t, `service: { proto: search.proto }\nroot: { tls: ${tls} }\n`), [
    'regather.yaml:2: root.tls: expected "ca" where client_auth is true, got none',
  ]);
});

test('defaults < file < environment < flags, and /configz says which', (t) => {
  const { file, folder } = write(
    t,
    `service: { proto: search.proto }
root: { listen: 127.0.0.1:1, admin: 127.0.0.1:2, id: file }
admin: { token: hush }
`,
  );
  const loaded = loadConfig(file, {
    env: {
      REGATHER_ROOT_ADMIN: '127.0.0.1:3',
      REGATHER_ROOT_ID: '12',
      REGATHER_ROOT_LINK_SILENCE_MS: '900',
      REGATHER_WORKER_ID: '',
      REGATHER_ROOT_SERVICE_HOST: 'what Kubernetes sets for a service of that name',
    },
    flags: [
      { key: 'root.id', value: 'flag', flag: '--id' },
      { key: 'worker.shards', value: '0,3', flag: '--shards' },
    ],
  });
  t.like(loaded.config.root, { listen: '127.0.0.1:1', admin: '127.0.0.1:3', id: 'flag', plain: false });
  t.deepEqual(loaded.config.worker.shards, [0, 3]);
  t.is(loaded.config.service.proto, join(folder, 'search.proto'));
  const { values } = configView(loaded);
  t.deepEqual(values['root.listen'], { value: '127.0.0.1:1', source: `${file}:2` });
  t.deepEqual(values['root.admin'], { value: '127.0.0.1:3', source: 'REGATHER_ROOT_ADMIN' });
  t.deepEqual(values['root.id'], { value: 'flag', source: '--id' });
  t.deepEqual(values['root.link.silence_ms'], { value: 900, source: 'REGATHER_ROOT_LINK_SILENCE_MS' });
  t.deepEqual(values['root.plain'], { value: false, source: 'default' });
  t.is(values['worker.id'], undefined);
  t.deepEqual(values['admin.token'], { value: '***', source: `${file}:3` });
  t.false(JSON.stringify(configView(loaded)).includes('hush'));
});

test('mistakes in the environment and in flags are named as such', (t) => {
  const yaml = 'service: { proto: search.proto }\n';
  t.deepEqual(problems(t, yaml, { env: { REGATHER_ROOT_LINK_SILENCE_MS: '7x' } }), [
    'REGATHER_ROOT_LINK_SILENCE_MS: root.link.silence_ms: expected an integer from 50 to 600000, got "7x"',
  ]);
  t.deepEqual(problems(t, yaml, { flags: [{ key: 'root.lisen', value: 'x', flag: '--set' }] }), [
    '--set: expected a key of the config, got "root.lisen". Did you mean "root.listen"?',
  ]);
});

test('what a method has of its own is checked like the rest', (t) => {
  const yaml =
    'service: { proto: search.proto }\nroot:\n  methods:\n    TopK: { hedge: { quantil: 0.9 } }\n    Get: { hedge: { quantile: 9 } }\n';
  t.deepEqual(problems(t, yaml), [
    'regather.yaml:4: root.methods.TopK.hedge.quantil: expected a known key. Did you mean "quantile"?',
    'regather.yaml:5: root.methods.Get.hedge.quantile: expected a number from 0 to 1, got 9',
  ]);
});

test('a path in the environment is relative to the working folder, one in the file to the file', (t) => {
  const { file, folder } = write(t, 'service: { proto: nowhere.proto }\n');
  const elsewhere = mkdtempSync(join(tmpdir(), 'regather-config-'));
  t.teardown(() => rmSync(elsewhere, { recursive: true }));
  writeFileSync(join(elsewhere, 'other.proto'), '');
  const { config } = loadConfig(file, { env: { REGATHER_SERVICE_PROTO: 'other.proto' }, cwd: elsewhere });
  t.is(config.service.proto, join(elsewhere, 'other.proto'));
  t.not(config.service.proto, join(folder, 'other.proto'));
});

test('no two keys share a variable, and none is what Kubernetes sets for services', (t) => {
  const names = keysOf(configSchema)
    .filter((key) => !isRepeated(key))
    .map((key) => environmentName(key.key));
  t.is(new Set(names).size, names.length);
  t.deepEqual(
    names.filter((name) => /_(SERVICE_HOST|SERVICE_PORT.*|PORT(_.*)?)$/.test(name)),
    [],
  );
});

test('every key says what it is for, and every default why', (t) => {
  for (const key of keysOf(configSchema)) {
    t.truthy(key.meta.description, key.key);
    if (key.default !== undefined) t.truthy(key.meta.why, key.key);
  }
});

test('a service that the .proto does not have is named with the place in the config that names it', async (t) => {
  const { file, folder } = write(
    t,
    'shards: { count: 1 }\nservice:\n  proto: search.proto\n  name: a.Serch\n',
  );
  writeFileSync(join(folder, 'search.proto'), 'syntax = "proto3"; package a; service Search {}');
  const error = await t.throwsAsync(loadService(loadConfig(file, { env: {} })), {
    instanceOf: RegatherError,
  });
  t.is(error?.code, 'SERVICE_UNKNOWN');
  t.is(
    error?.message.replaceAll(`${folder}/`, ''),
    'regather.yaml:4: service.name: search.proto: There is no service "a.Serch". Did you mean "a.Search"?',
  );
});
