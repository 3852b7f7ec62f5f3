/** Workers of the suites' search service in this process, and what calls them: a plain gRPC client, and a root's end of a link. */
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import type { ExecutionContext } from 'ava';
import type { AnyHandler, Shard } from '../../shard/handlers.ts';
import { createWorker, type Worker, type WorkerAddresses, type WorkerOptions } from '../../shard/worker.ts';
import { LinkClient, type LinkState } from '../../shared/link/client.ts';
import type { LeafCall, LeafEnd, LeafHandle } from '../../shared/link/leaf-call.ts';
import { createLogger } from '../../shared/log/logger.ts';
import { methodCodecs } from '../../shared/schema/codecs.ts';
import { compilePlan } from '../../shared/schema/compile.ts';
import { loadDescriptors } from '../../shared/schema/descriptors.ts';
import { searchProto } from '../kit/search-worker.ts';

export const plan = compilePlan(loadDescriptors({ proto: searchProto }), undefined);
export const codecs = methodCodecs(plan);
export { searchProto };

export type Handlers = Record<string, AnyHandler>;

/** Handlers that answer with nothing in them, for the methods that a test doesn't care about. */
export const empty: Handlers = {
  TopK: () => ({}),
  Some: () => ({}),
  Count: () => ({}),
  Get: () => ({}),
  GetMany: () => ({}),
  Info: () => ({}),
  List: () => [],
  ListSome: () => [],
};

export interface Served {
  readonly worker: Worker;
  readonly addresses: WorkerAddresses;
  readonly client: PlainClient;
  /** Lines of the worker's log. */
  readonly lines: Record<string, unknown>[];
  metric(name: string, labels?: Record<string, string>): Promise<number>;
}

export interface ServeOptions extends Partial<Omit<WorkerOptions, 'open'>> {
  readonly handlers?: Handlers | ((shard: Shard) => Handlers);
}

/** A worker that is ready; stopped when the test ends. */
export async function serve(t: ExecutionContext, options: ServeOptions = {}): Promise<Served> {
  const { handlers = {}, ...rest } = options;
  const lines: Record<string, unknown>[] = [];
  const worker = createWorker<Handlers>({
    service: { proto: searchProto },
    signals: false,
    admin: '127.0.0.1:0',
    // What they answer is small, and combining is what is to be tested.
    combine: 'always',
    log: createLogger({ level: 'debug', write: (line) => lines.push(JSON.parse(line)) }),
    open: (shard) => ({ ...empty, ...(typeof handlers === 'function' ? handlers(shard) : handlers) }),
    ...rest,
  });
  t.teardown(() => worker.stop());
  const addresses = await worker.start();
  const client = new PlainClient(addresses.address);
  t.teardown(() => client.close());
  return {
    worker,
    addresses,
    client,
    lines,
    async metric(name, labels = {}) {
      const answer = await fetch(`http://${addresses.admin}/metrics`, {
        headers: { accept: 'application/json' },
      });
      const { metrics } = (await answer.json()) as { metrics: { name: string; samples: Sample[] }[] };
      const found = metrics.find((metric) => metric.name === name)?.samples ?? [];
      const fits = ({ labels: has }: Sample) =>
        Object.entries(labels).every(([key, value]) => has[key] === value);
      return found.filter(fits).reduce((sum, { value }) => sum + value, 0);
    },
  };
}

interface Sample {
  readonly labels: Record<string, string>;
  readonly value: number;
}

export interface PlainAnswer {
  readonly code: number;
  readonly details: string;
  readonly trailer: Metadata;
  readonly response: Record<string, unknown> | undefined;
  readonly items: Record<string, unknown>[];
}

export interface CallOptions {
  readonly shard?: string | number;
  readonly timeoutMs?: number;
  readonly metadata?: Record<string, string>;
  readonly onItem?: (cancel: () => void) => void;
  readonly started?: (cancel: () => void) => void;
}

/** Never rejects: a failure is an answer too. */
export class PlainClient {
  readonly #client: Client;
  constructor(address: string) {
    this.#client = new Client(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  }

  call(method: string, request: object | Buffer = {}, options: CallOptions = {}): Promise<PlainAnswer> {
    const codec = codecs.get(method)!;
    const bytes = Buffer.isBuffer(request) ? request : codec.encodeRequest(request);
    return new Promise((resolve) => {
      const call = this.#client.makeUnaryRequest<Buffer, Buffer>(
        `/${plan.name}/${method}`,
        same,
        same,
        bytes,
        metadataOf(options),
        deadlineOf(options),
        (error: ServiceError | null, response?: Buffer) => {
          resolve({
            code: error?.code ?? 0,
            details: error?.details ?? '',
            trailer: error?.metadata ?? new Metadata(),
            response:
              response === undefined
                ? undefined
                : (codec.decodeResponse(response) as Record<string, unknown>),
            items: [],
          });
        },
      );
      options.started?.(() => call.cancel());
    });
  }

  stream(method: string, request: object = {}, options: CallOptions = {}): Promise<PlainAnswer> {
    const codec = codecs.get(method)!;
    const items: Record<string, unknown>[] = [];
    return new Promise((resolve) => {
      const call = this.#client.makeServerStreamRequest<Buffer, Buffer>(
        `/${plan.name}/${method}`,
        same,
        same,
        codec.encodeRequest(request),
        metadataOf(options),
        deadlineOf(options),
      );
      call.on('data', (bytes: Buffer) => {
        items.push(codec.decodeResponse(bytes) as Record<string, unknown>);
        options.onItem?.(() => call.cancel());
      });
      call.on('error', () => {});
      call.on('status', ({ code, details, metadata }) => {
        setImmediate(() => resolve({ code, details, trailer: metadata, response: undefined, items }));
      });
    });
  }

  close(): void {
    this.#client.close();
  }
}

const same = (bytes: Buffer): Buffer => bytes;

function metadataOf({ shard, metadata = {} }: CallOptions): Metadata {
  const all = new Metadata();
  if (shard !== undefined) all.set('regather-shard', String(shard));
  for (const [key, value] of Object.entries(metadata)) all.set(key, value);
  return all;
}

function deadlineOf({ timeoutMs }: CallOptions): { deadline?: number } {
  return timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
}

/** What a leaf call got. */
export interface LeafAnswer {
  readonly parts: {
    shards: readonly number[];
    response: Record<string, unknown>;
    segmentBytes: readonly number[];
  }[];
  readonly end: LeafEnd;
}

export interface LinkKit {
  readonly link: LinkClient;
  readonly states: LinkState[];
  call(
    method: string,
    request: object,
    shards: readonly number[],
    options?: Partial<LeafCall>,
  ): Promise<LeafAnswer>;
  /** The same, with the handle, and told of parts as they come. */
  begin(
    method: string,
    request: object,
    shards: readonly number[],
    options?: Partial<LeafCall>,
    onPart?: (shards: readonly number[], handle: LeafHandle) => void,
  ): { handle: LeafHandle; answer: Promise<LeafAnswer> };
}

/** A link that is ready; closed when the test ends. */
export async function connect(t: ExecutionContext, address: string, rootId = 'root-a'): Promise<LinkKit> {
  const states: LinkState[] = [];
  const { promise: ready, resolve } = Promise.withResolvers<void>();
  const link = new LinkClient({
    address,
    credentials: credentials.createInsecure(),
    plan,
    rootId,
    silenceMs: 5000,
    on: {
      state(state) {
        states.push(state);
        if (state.kind === 'ready') resolve();
      },
    },
  });
  t.teardown(() => link.close());
  await ready;
  const begin: LinkKit['begin'] = (method, request, shards, options = {}, onPart) => {
    const parts: LeafAnswer['parts'] = [];
    const codec = codecs.get(method)!;
    const streaming = plan.methods.find(({ name }) => name === method)!.kind === 'server-streaming';
    const done = Promise.withResolvers<LeafAnswer>();
    const handle = link.run(
      {
        method,
        payload: codec.encodeRequest(request),
        tasks: shards.map((shard) => ({ shard })),
        streaming,
        deadline: performance.now() + 10_000,
        flushAfterMs: 0,
        priority: 0,
        epoch: 1,
        metadata: [],
        maxPartBytes: 4 * 1024 * 1024,
        ...options,
      },
      {
        part(answered, data, segmentBytes) {
          if (streaming) {
            let at = 0;
            for (const length of segmentBytes) {
              const response = codec.decodeResponse(data.subarray(at, at + length)) as Record<
                string,
                unknown
              >;
              parts.push({ shards: answered, response, segmentBytes: [] });
              at += length;
            }
            handle.grant(data.length);
          } else {
            const response = codec.decodeResponse(data) as Record<string, unknown>;
            parts.push({ shards: answered, response, segmentBytes });
          }
          onPart?.(answered, handle);
        },
        end: (end) => done.resolve({ parts, end }),
      },
    );
    return { handle, answer: done.promise };
  };
  return { link, states, begin, call: (...given) => begin(...given).answer };
}

/** A promise that a test opens. */
export function gate(): { readonly promise: Promise<void>; readonly open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { promise, open: resolve };
}

/** Waits until it holds: what crosses sockets takes some turns. Bounded. */
export async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let i = 0; i < 2000; i++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  throw new Error(`Never came: ${what}`);
}
