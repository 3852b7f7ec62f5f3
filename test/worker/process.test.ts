import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import type { WorkerAddresses, WorkerStart } from '../../shard/worker.ts';
import { needs, python } from '../kit/debian.ts';
import { pythonMessages } from '../kit/python-messages.ts';
import { connect, PlainClient, serve, until } from './kit.ts';

const file = fileURLToPath(new URL('../kit/search-worker.ts', import.meta.url));

interface Forked {
  readonly child: ChildProcess;
  readonly addresses: WorkerAddresses;
  readonly client: PlainClient;
  /** Exit code, or the signal's name. */
  readonly ended: Promise<number | string>;
  /** Tasks that run now. */
  running(): Promise<number>;
  /** Of its life: ready, draining … */
  state(): Promise<string>;
}

/** A worker in a process of its own; killed when the test ends. */
async function start(t: ExecutionContext, options: WorkerStart = {}): Promise<Forked> {
  const child = fork(file, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const ended = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | string);
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  child.send({ start: { admin: '127.0.0.1:0', ...options } });
  const [{ started: addresses }] = (await once(child, 'message')) as [{ started: WorkerAddresses }];
  const client = new PlainClient(addresses.address);
  t.teardown(() => client.close());
  const status = async (): Promise<{ state: string; tasks: { running: number } }> =>
    (await (await fetch(`http://${addresses.admin}/statusz`)).json()) as never;
  return {
    child,
    addresses,
    client,
    ended,
    running: async () => (await status()).tasks.running,
    state: async () => (await status()).state,
  };
}

test('SIGTERM drains: what runs is answered, over the link and plainly, then the process exits 0', async (t) => {
  const { child, addresses, client, ended, running, state } = await start(t, { shards: [0, 1] });
  const kit = await connect(t, addresses.address);
  const plain = client.call('Get', { id: 'a', fault: 'hold' }, { shard: 1 });
  const linked = kit.call('TopK', { text: 'x', fault: 'hold' }, [0, 1]);
  await until(async () => (await running()) === 3, 'three tasks run');
  child.kill('SIGTERM');
  await until(async () => (await state()) === 'draining', 'draining');
  child.send({ release: true });
  const [one, many] = await Promise.all([plain, linked]);
  t.like(one, { code: 0, response: { id: 'a' } });
  t.deepEqual(many.end.failures, []);
  t.deepEqual(
    many.parts.map(({ shards }) => shards),
    [[0, 1]],
  );
  t.is(await ended, 0);
});

test('a second signal stops at once, whatever hangs', async (t) => {
  const { child, client, ended, running, state } = await start(t);
  const answer = client.call('Get', { id: 'a', fault: 'hang' });
  await until(async () => (await running()) === 1, 'it hangs');
  child.kill('SIGTERM');
  await until(async () => (await state()) === 'draining', 'draining');
  child.kill('SIGTERM');
  t.is(await ended, 143);
  t.not((await answer).code, 0);
});

test('a worker that is killed takes its calls with it, and their callers hear of it at once', async (t) => {
  const { child, addresses, running } = await start(t);
  const kit = await connect(t, addresses.address);
  const answer = kit.call('TopK', { fault: 'hang' }, [0]);
  await until(async () => (await running()) === 1, 'it runs');
  child.kill('SIGKILL');
  const { end } = await answer;
  t.like(end.failures[0], { code: 14, source: 'transport', notStarted: false });
});

const client = `
import sys, grpc
sys.path.insert(0, sys.argv[1])
import search_pb2 as pb

channel = grpc.insecure_channel(sys.argv[2])
service = '/acme.search.v1.Search/'

def unary(method, request, answer, **given):
    call = channel.unary_unary(service + method, request_serializer=type(request).SerializeToString, response_deserializer=answer.FromString)
    try:
        return call(request, **given)
    except grpc.RpcError as error:
        return '%s %s' % (error.code().name, error.details())

shard = lambda n: (('regather-shard', str(n)),)
print(unary('Get', pb.GetRequest(id='a'), pb.Document, metadata=shard(1), timeout=10).body)
top = unary('TopK', pb.TopKRequest(text='x', limit=2), pb.TopKResponse, metadata=shard(0), timeout=10)
print(len(top.hits), top.total, top.best)
print(unary('Get', pb.GetRequest(id='a'), pb.Document, timeout=10))
print(unary('Get', pb.GetRequest(id='missing'), pb.Document, metadata=shard(0), timeout=10))
print(unary('Get', pb.GetRequest(id='a', fault='hang'), pb.Document, metadata=shard(0), timeout=0.5))
stream = channel.unary_stream(service + 'List', request_serializer=pb.ListRequest.SerializeToString, response_deserializer=pb.Document.FromString)
print(','.join(d.id for d in stream(pb.ListRequest(per_shard=3), metadata=shard(1), timeout=10)))
endless = stream(pb.ListRequest(per_shard=1000000, body_bytes=1000), metadata=shard(0), timeout=10)
next(endless)
endless.cancel()
print('left')
`;

const withPython = needs(test, 'protobuf-compiler', 'python3-protobuf', 'python3-grpcio');

withPython('a Python client calls a worker as it would any gRPC server', async (t) => {
  const folder = pythonMessages(t, ['test/kit'], ['search.proto']);
  writeFileSync(join(folder, 'client.py'), client);
  const { openSearchShard } = await import('../kit/search-shard.ts');
  const { addresses, metric } = await serve(t, {
    shards: [0, 1],
    handlers: (shard) => openSearchShard(shard.index) as unknown as Record<string, never>,
  });
  const caller = spawn(python, [join(folder, 'client.py'), folder, addresses.address], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  caller.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const [code] = await once(caller, 'close');
  t.is(code, 0);
  // Python's own words, or the worker's: whoever is first at the deadline.
  t.deepEqual(output.replace('Deadline Exceeded', 'Deadline exceeded').trim().split('\n'), [
    'body of a',
    '2 20 0',
    'FAILED_PRECONDITION Expected metadata "regather-shard" to name one of the 2 shards served here, got none',
    'NOT_FOUND no document missing',
    'DEADLINE_EXCEEDED Deadline exceeded',
    's1-0,s1-1,s1-2',
    'left',
  ]);
  await until(async () => (await metric('regather_worker_tasks_in_flight')) === 0, 'the shards stop');
  t.is(await metric('regather_worker_tasks_aborted_total', { method: 'Get' }), 1);
  t.is(await metric('regather_worker_tasks_aborted_total', { method: 'List' }), 1);
});
