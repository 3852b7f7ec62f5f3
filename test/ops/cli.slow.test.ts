import { createServer } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { createProgram } from '../../cli/program.ts';
import { folderWith, regather, searchConfig, searchModule } from './process.ts';

const proto = `syntax = "proto3";
package acme.v1;
import "regather/v1/annotations.proto";
service Search {
  rpc TopK(Request) returns (Response) { option (regather.v1.scatter) = { to: ALL }; }
}
message Request { string text = 1; }
message Response {
  int64 total = 1 [(regather.v1.merge).sum = {}];
  string note = 2;
}
`;

/** Exit 2, nothing on stdout, these lines on stderr and no stack. */
async function refuses(
  t: ExecutionContext,
  files: Readonly<Record<string, string>>,
  args: readonly string[],
  lines: readonly (string | RegExp)[],
): Promise<void> {
  const { code, out, err } = await regather(folderWith(t, files), ...args);
  t.is(code, 2, err);
  t.is(out, '');
  const got = err.trimEnd().split('\n');
  t.is(got.length, lines.length, err);
  for (const [i, line] of lines.entries()) {
    if (typeof line === 'string') t.is(got[i], line);
    else t.regex(got[i] ?? '', line);
  }
  t.notRegex(err, /^ {4}at /m);
}

test('a wrong type names file, line, key and value', (t) =>
  refuses(
    t,
    { 'regather.yaml': 'service: { proto: a.proto }\nroot:\n  listen: 7000\n', 'a.proto': proto },
    ['root'],
    ['regather.yaml:3: root.listen: expected "host:port", got 7000'],
  ));

test('an unknown key says what was meant', (t) =>
  refuses(
    t,
    { 'regather.yaml': 'service: { proto: a.proto }\nrot: {}\n', 'a.proto': proto },
    ['check', 'regather.yaml'],
    ['regather.yaml:2: rot: expected a known key. Did you mean "root"?'],
  ));

test('a missing config and a missing file', async (t) => {
  await refuses(t, {}, ['root'], ['regather.yaml: expected a config file, got no such file']);
  await refuses(
    t,
    { 'regather.yaml': 'service:\n  proto: a.proto\n' },
    ['root'],
    ['regather.yaml:2: service.proto: expected a file, no such file "a.proto"'],
  );
});

test('a proto that does not parse, a service that is not there, a field that cannot merge', async (t) => {
  await refuses(
    t,
    { 'a.proto': proto.replace('int64 total = 1', 'int64 total = ') },
    ['check', 'a.proto'],
    [/^a\.proto:9: /],
  );
  const config = 'service: { proto: a.proto, name: acme.v1.Serch }\n';
  await refuses(
    t,
    { 'regather.yaml': config, 'a.proto': proto },
    ['check'],
    [/acme\.v1\.Serch.*acme\.v1\.Search/],
  );
  await refuses(t, { 'a.proto': proto }, ['check', 'a.proto'], [/^a\.proto:10: .*note/]);
});

test('a taken port, for requests and for the admin port', async (t) => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    holder.close();
  });
  const taken = `127.0.0.1:${(holder.address() as { port: number }).port}`;
  const files = {
    'regather.yaml': `${searchConfig}topology: { static: { workers: [{ id: w0, address: 127.0.0.1:1, shards: [0, 1, 2, 3] }] } }\nlog: { level: silent }\n`,
    'worker.ts': searchModule,
  };
  for (const command of ['root', 'worker']) {
    const args = [command, ...(command === 'worker' ? ['--shards', '0'] : [])];
    await refuses(
      t,
      files,
      [...args, '--listen', taken, '--admin', '127.0.0.1:0'],
      [`--listen: ${command}.listen: the address is taken: ${taken}`],
    );
    const yaml = `${files['regather.yaml']}root: { listen: 127.0.0.1:0, admin: ${taken} }\n`;
    const inFile = yaml.replace(
      'module: worker.ts',
      `module: worker.ts, listen: 127.0.0.1:0, admin: ${taken}`,
    );
    await refuses(t, { ...files, 'regather.yaml': inFile }, args, [
      `regather.yaml:${command === 'root' ? 6 : 2}: ${command}.admin: the address is taken: ${taken}`,
    ]);
  }
});

test('a worker module that is none', async (t) => {
  const config = `${searchConfig}log: { level: silent }\n`;
  const cases: [string, RegExp][] = [
    ['export default 5;', /^regather\.yaml:2: worker\.module: expected the default export to be a worker/],
    ['export const worker = 5;', /^regather\.yaml:2: worker\.module: expected a default export/],
    [
      'throw new Error("no index");',
      /^regather\.yaml:2: worker\.module: expected a module that loads: no index$/,
    ],
    [
      '\nexport default {',
      /^regather\.yaml:2: worker\.module: expected a module that loads: \S+worker\.ts:2: /,
    ],
    ['import "./nowhere.ts";', /^regather\.yaml:2: worker\.module: expected a module that loads: .*nowhere/],
    [
      'export default () => { throw new Error("no disk"); };',
      /^regather\.yaml:2: worker\.module: .*no disk$/,
    ],
  ];
  for (const [source, line] of cases) {
    await refuses(t, { 'regather.yaml': config, 'worker.ts': source }, ['worker'], [line]);
  }
});

test('a topology that breaks a rule, and a worker that is not in it', async (t) => {
  const one = (text: string) => ({
    'regather.yaml': `${searchConfig}topology:\n  static:\n    workers:\n      - ${text}\n`,
    'worker.ts': searchModule,
  });
  await refuses(
    t,
    one('{ id: w0, address: 127.0.0.1:1, shards: [0, 1] }'),
    ['root'],
    ['regather.yaml:6: topology.static.workers: expected every shard on a worker, 2 of 4 are on none: 2, 3'],
  );
  await refuses(
    t,
    one('{ id: w0, address: 127.0.0.1:1, shards: [0, 1, 2, 3] }'),
    ['worker', '--id', 'w7'],
    ['--id: worker.id: expected a worker of the topology (w0) or worker.shards, got "w7"'],
  );
  const file = {
    'regather.yaml': `${searchConfig}topology: { file: t.yaml }\n`,
    't.yaml': 'workers: 5\n',
    'worker.ts': searchModule,
  };
  await refuses(t, file, ['root'], ['t.yaml:1: workers: expected a list of workers, got 5']);
});

test('wrong usage', async (t) => {
  await refuses(t, {}, ['rot'], ["regather: unknown command 'rot' (Did you mean root?)"]);
  await refuses(
    t,
    {},
    ['root', '--lisen', 'x'],
    [/^regather: unknown option '--lisen' \(Did you mean --listen\?\)$/],
  );
  await refuses(t, {}, ['call'], ["regather: missing required argument 'method'"]);
  await refuses(t, {}, ['call', 'TopK', '{', '--address', '127.0.0.1:1'], [/^The request: expected JSON, /]);
  await refuses(t, {}, ['call', 'TopK', '{}'], [/^Expected --address or --config/]);
  await refuses(t, {}, ['drain', 'w0:', '--no-wait'], [/^Expected "host:port", got "w0:"$/]);
  await refuses(
    t,
    { 'regather.yaml': searchConfig, 'worker.ts': searchModule },
    ['up', '--workers', '99'],
    ['Expected at most 8 workers for 4 shards × 2, got 99'],
  );
  await refuses(t, {}, ['root', '--set', 'x'], ['--set: expected key=value, got "x"']);
});

test('with --json an error is one line of JSON, with its code and place', async (t) => {
  const { code, out, err } = await regather(
    folderWith(t, { 'regather.yaml': 'service: { proto: 5 }\n' }),
    'root',
    '--json',
  );
  t.is(code, 2);
  t.is(out, '');
  t.like(JSON.parse(err), {
    event: 'error',
    code: 'CONFIG_INVALID',
    file: 'regather.yaml',
    line: 1,
    field: 'service.proto',
    exit: 2,
  });
});

test('nobody at the other end is exit 1, at once', async (t) => {
  const folder = folderWith(t, {});
  const call = await regather(folder, 'call', 'TopK', '{}', '--address', '127.0.0.1:1');
  t.is(call.code, 1);
  t.is(call.err, 'Nobody answers at 127.0.0.1:1: the connection failed\n');
  const shards = await regather(folder, 'shards', '--admin', '127.0.0.1:1');
  t.is(shards.code, 1);
  t.regex(shards.err, /^Nobody answers at the admin port 127\.0\.0\.1:1: .*\n$/);
});

test('help is exit 0, for every command', async (t) => {
  const folder = folderWith(t, {});
  const whole = await regather(folder, '--help');
  t.is(whole.code, 0);
  const commands = createProgram(() => {}).commands.map((command) => command.name());
  t.deepEqual(commands, ['up', 'root', 'worker', 'call', 'check', 'shards', 'drain', 'breaker', 'bench']);
  for (const name of commands) t.regex(whole.out, new RegExp(`^ {2}${name} `, 'm'));
  const bench = await regather(folder, 'bench', '--help');
  t.is(bench.code, 0);
  const ends = [
    ...commands.filter((name) => name !== 'bench').map((name) => [name]),
    ...['load', 'compare', 'report'].map((name) => ['bench', name]),
  ];
  const each = await Promise.all(ends.map((command) => regather(folder, ...command, '--help')));
  for (const [i, { code, out }] of each.entries()) {
    t.is(code, 0, ends[i]!.join(' '));
    t.regex(out, /--json/, ends[i]!.join(' '));
  }
});

test('check prints the plan, for people and as JSON', async (t) => {
  const good = proto.replace(
    'string note = 2;',
    'repeated string note = 2 [(regather.v1.merge).concat = {}];',
  );
  const folder = folderWith(t, { 'a.proto': good, 'regather.yaml': 'service: { proto: a.proto }\n' });
  const people = await regather(folder, 'check', 'regather.yaml');
  t.is(people.code, 0, people.err);
  t.regex(people.out, /TopK.*ALL.*total.*sum.*note.*concat/s);
  const json = await regather(folder, 'check', 'a.proto', '--json');
  t.is(json.code, 0, json.err);
  t.is((JSON.parse(json.out) as { methods: { name: string }[] }).methods[0]?.name, 'TopK');
});
