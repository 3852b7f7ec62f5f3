/** Spans of answers, attempts and tasks, with an SDK registered as an application would. */

import { AsyncLocalStorage } from 'node:async_hooks';
import { status } from '@grpc/grpc-js';
import {
  type Context,
  type ContextManager,
  context,
  isSpanContextValid,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  type TextMapPropagator,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import test, { type ExecutionContext } from 'ava';
import type { Handler } from '../../shard/handlers.ts';
import { startRoot, startWorker } from '../kit/cluster.ts';
import { startTopK } from '../kit/top-k-worker.ts';

/** As W3C Trace Context has it; the SDK's own is in a package that isn't depended on here. */
const w3c: TextMapPropagator = {
  fields: () => ['traceparent', 'tracestate'],
  extract(into: Context, carrier, getter) {
    const [, traceId, spanId, flags] =
      /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(
        String(getter.get(carrier, 'traceparent') ?? ''),
      ) ?? [];
    if (traceId === undefined || spanId === undefined) return into;
    return trace.setSpanContext(into, { traceId, spanId, traceFlags: Number(`0x${flags}`), isRemote: true });
  },
  inject(from, carrier, setter) {
    const span = trace.getSpanContext(from);
    if (span === undefined || !isSpanContextValid(span)) return;
    setter.set(
      carrier,
      'traceparent',
      `00-${span.traceId}-${span.spanId}-0${span.traceFlags & TraceFlags.SAMPLED}`,
    );
  },
};

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const SPAN_ID = 'b7ad6b7169203331';
const traceparent = `00-${TRACE_ID}-${SPAN_ID}-01`;

const exporter = new InMemorySpanExporter();

function register(t: ExecutionContext): void {
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  trace.setGlobalTracerProvider(provider);
  propagation.setGlobalPropagator(w3c);
  t.teardown(() => {
    trace.disable();
    propagation.disable();
    context.disable();
    exporter.reset();
  });
}

/** Spans of our cluster so far, once there are so many. */
async function spans(count: number): Promise<ReadableSpan[]> {
  while (exporter.getFinishedSpans().length < count) await new Promise((resolve) => setImmediate(resolve));
  return exporter.getFinishedSpans();
}

const kindOf = (found: readonly ReadableSpan[], kind: SpanKind, attribute: string): ReadableSpan[] =>
  found.filter((span) => span.kind === kind && attribute in span.attributes);

async function setUp(t: ExecutionContext, links: boolean) {
  const workers = await Promise.all(
    ['w0', 'w1'].map((id, i) => startWorker(t, id, { shards: [2 * i, 2 * i + 1], shardCount: 4 })),
  );
  return startRoot(t, workers, { links });
}

for (const links of [true, false]) {
  const how = links ? 'over links' : 'over plain gRPC';

  test.serial(`client, answer, attempts and tasks are one trace, ${how}`, async (t) => {
    const { client } = await setUp(t, links);
    register(t);
    const answer = await client.call('TopK', {}, { metadata: { traceparent } });
    t.is(answer.code, status.OK, answer.details);
    const found = await spans(1 + 2 + 4);
    const [root] = kindOf(found, SpanKind.SERVER, 'regather.scatter');
    t.is(root!.name, 'acme.search.v1.Search/TopK');
    t.is(root!.spanContext().traceId, TRACE_ID);
    t.is(root!.parentSpanContext?.spanId, SPAN_ID);
    t.like(root!.attributes, {
      'rpc.system': 'grpc',
      'rpc.service': 'acme.search.v1.Search',
      'rpc.method': 'TopK',
      'rpc.grpc.status_code': 0,
      'regather.scatter': 'ALL',
      'regather.tasks': 4,
      'regather.epoch': 1,
      'regather.expected': 4,
      'regather.answered': 4,
    });
    const attempts = kindOf(found, SpanKind.CLIENT, 'regather.attempt');
    t.deepEqual(
      attempts.map(({ attributes }) => [attributes['regather.worker'], attributes['regather.shards']]).sort(),
      [
        ['w0', '0-1'],
        ['w1', '2-3'],
      ],
    );
    for (const { parentSpanContext, attributes } of attempts) {
      t.is(parentSpanContext?.spanId, root!.spanContext().spanId);
      t.is(attributes['regather.attempt'], 'primary');
      t.is(attributes['server.address'], '127.0.0.1');
    }
    const tasks = kindOf(found, SpanKind.SERVER, 'regather.shard');
    t.deepEqual(tasks.map(({ attributes }) => attributes['regather.shard']).sort(), [0, 1, 2, 3]);
    for (const { parentSpanContext, attributes } of tasks) {
      const parent = attempts.find((span) => span.spanContext().spanId === parentSpanContext?.spanId);
      t.is(parent?.attributes['regather.worker'], Number(attributes['regather.shard']) < 2 ? 'w0' : 'w1');
      t.true(parentSpanContext?.isRemote);
    }
  });

  test.serial(`a shard that fails marks its task, its attempt and the answer, ${how}`, async (t) => {
    const { client } = await setUp(t, links);
    register(t);
    const answer = await client.call('TopK', { fault: 'fail:13@1' });
    t.is(answer.code, status.INTERNAL);
    const found = await spans(1 + 2 + 4);
    const [root] = kindOf(found, SpanKind.SERVER, 'regather.scatter');
    t.is(root!.parentSpanContext, undefined, 'nobody above');
    t.is(root!.status.code, SpanStatusCode.ERROR);
    t.regex(root!.status.message!, /^3 of 4 shards answered; missing 1/);
    t.is(root!.attributes['regather.missing_shards'], '1');
    const failed = kindOf(found, SpanKind.CLIENT, 'regather.failed_shards');
    t.deepEqual(
      failed.map(({ attributes }) => attributes['regather.failed_shards']),
      ['1'],
    );
    t.is(failed[0]!.status.code, SpanStatusCode.ERROR);
    const tasks = kindOf(found, SpanKind.SERVER, 'regather.shard');
    t.deepEqual(
      tasks
        .filter((span) => span.status.code === SpanStatusCode.ERROR)
        .map(({ attributes }) => attributes['regather.shard']),
      [1],
    );
  });
}

test.serial('what the client asks for wrongly is no error of the answer’s span', async (t) => {
  const { client } = await setUp(t, true);
  register(t);
  t.is((await client.call('Get', { id: '' })).code, status.INVALID_ARGUMENT);
  const [root] = await spans(1);
  t.is(root!.attributes['rpc.grpc.status_code'], status.INVALID_ARGUMENT);
  t.is(root!.status.code, SpanStatusCode.UNSET);
});

test.serial('a stream is traced as well', async (t) => {
  const { client } = await setUp(t, true);
  register(t);
  t.is((await client.stream('List', { perShard: 2 }, { metadata: { traceparent } })).code, status.OK);
  const found = await spans(1 + 2 + 4);
  t.true(found.every((span) => span.spanContext().traceId === TRACE_ID));
});

/** A worker of one shard, before a root. */
async function lone(t: ExecutionContext, handler: Handler<unknown, object>) {
  return startRoot(t, [await startTopK(t, 'w', handler)]);
}

test.serial('hedges and retries are attempts of their own, and say what they are', async (t) => {
  /** What the first of the workers to be asked does. */
  let does: 'answer' | 'fail' | 'hang' = 'answer';
  const handler: Handler<unknown, object> = async (_, { signal }) => {
    const now = does;
    does = 'answer';
    if (now === 'fail') throw Object.assign(new Error('away'), { code: status.UNAVAILABLE });
    if (now === 'hang') await new Promise((resolve) => signal.addEventListener('abort', resolve));
    return {};
  };
  const workers = [await startTopK(t, 'w0', handler), await startTopK(t, 'w1', handler)];
  const { client } = await startRoot(t, workers, {
    policy: { hedge: { minSamples: 20, maxLoopDelayMs: 60_000 } },
  });
  for (let i = 0; i < 40; i++) t.is((await client.call('TopK', {})).code, status.OK);
  register(t);
  for (const [what, kind] of [
    ['fail', 'retry'],
    ['hang', 'hedge'],
  ] as const) {
    exporter.reset();
    does = what;
    const answer = await client.call('TopK', {}, { timeoutMs: 60_000 });
    t.is(answer.code, status.OK, answer.details);
    const found = await spans(1 + 2 + 2);
    const attempts = kindOf(found, SpanKind.CLIENT, 'regather.attempt');
    t.deepEqual(
      attempts.map(({ attributes }) => attributes['regather.attempt']).sort(),
      [kind, 'primary'].sort(),
    );
    t.is(new Set(attempts.map(({ attributes }) => attributes['regather.worker'])).size, 2, 'another worker');
    const [root] = kindOf(found, SpanKind.SERVER, 'regather.scatter');
    for (const { parentSpanContext } of attempts) t.is(parentSpanContext?.spanId, root!.spanContext().spanId);
  }
});

/** As @opentelemetry/context-async-hooks does it. */
class AsyncContexts implements ContextManager {
  readonly #storage = new AsyncLocalStorage<Context>();
  active(): Context {
    return this.#storage.getStore() ?? ROOT_CONTEXT;
  }
  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    on: Context,
    run: F,
    thisArg?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    return this.#storage.run(on, () => run.apply(thisArg, args));
  }
  bind<T>(_on: Context, target: T): T {
    return target;
  }
  enable(): this {
    return this;
  }
  disable(): this {
    this.#storage.disable();
    return this;
  }
}

test.serial('spans that a handler makes, also after it awaited, are below its task', async (t) => {
  const { client } = await lone(t, async () => {
    await new Promise((resolve) => setImmediate(resolve));
    trace.getTracer('app').startSpan('query').end();
    return {};
  });
  register(t);
  context.setGlobalContextManager(new AsyncContexts());
  t.is((await client.call('TopK', {})).code, status.OK);
  const found = await spans(4);
  const [task] = kindOf(found, SpanKind.SERVER, 'regather.shard');
  const query = found.find(({ name }) => name === 'query');
  t.is(query?.parentSpanContext?.spanId, task!.spanContext().spanId);
});

test.serial(
  'without an SDK there is no span, and traceparent reaches the shards as the client sent it',
  async (t) => {
    const seen: string[] = [];
    const { client } = await lone(t, (_request, { metadata }) => {
      for (const [key, value] of metadata) {
        if (key === 'traceparent' || key === 'tracestate') seen.push(`${key}: ${value}`);
      }
      return {};
    });
    const metadata = { traceparent, tracestate: 'acme=1' };
    t.is((await client.call('TopK', {}, { metadata })).code, status.OK);
    t.deepEqual(seen.sort(), [`traceparent: ${traceparent}`, 'tracestate: acme=1']);
    t.deepEqual(exporter.getFinishedSpans(), []);
  },
);
