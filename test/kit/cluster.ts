/** Real clusters of the search service for tests: workers in processes of their own or in this one, a root, and a client. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import {
  type CallOptions,
  Client,
  credentials,
  Metadata,
  type ServiceError,
  type StatusObject,
} from '@grpc/grpc-js';
import type { ExecutionContext } from 'ava';
import protobuf from 'protobufjs';
import { createRoot, type Root, type RootOptions } from '../../root/root.ts';
import { staticTopology } from '../../root/topology/static.ts';
import type { WorkerStart } from '../../shard/options.ts';
import type { WorkerAddresses } from '../../shard/worker.ts';
import { createLogger } from '../../shared/log/logger.ts';
import { packageRoot } from '../../shared/package.ts';
import { methodCodecs } from '../../shared/schema/codecs.ts';
import { compilePlan } from '../../shared/schema/compile.ts';
import { loadDescriptors } from '../../shared/schema/descriptors.ts';
import { searchProto, searchWorker } from './search-worker.ts';

export const searchPlan = compilePlan(loadDescriptors({ proto: searchProto }), undefined);
const codecs = methodCodecs(searchPlan);

export interface RunningWorker {
  readonly id: string;
  readonly address: string;
  readonly shards: readonly number[];
  /** Only of workers in processes of their own. */
  readonly process?: ChildProcess;
  /** Handler runs in that process. */
  counts(): Promise<{ started: number; aborted: number; finished: number }>;
}

const workerFile = fileURLToPath(new URL('search-worker.ts', import.meta.url));

/** A worker process; killed when the test ends. */
export async function forkWorker(
  t: ExecutionContext,
  id: string,
  start: WorkerStart,
): Promise<RunningWorker> {
  const child = fork(workerFile, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  t.teardown(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  child.send({ start: { id, ...start } });
  const [message] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code, signal]) => {
      throw new Error(`worker ${id} ended before it was ready: ${code ?? signal}`);
    }),
  ])) as [{ started: WorkerAddresses }];
  return {
    id,
    address: message.started.address,
    shards: start.shards ?? [0],
    process: child,
    async counts() {
      child.send({ counts: true });
      const [answer] = (await once(child, 'message')) as [
        { counts: { started: number; aborted: number; finished: number } },
      ];
      return answer.counts;
    },
  };
}

/** A worker in this process; stopped when the test ends. */
export async function startWorker(
  t: ExecutionContext,
  id: string,
  start: WorkerStart,
): Promise<RunningWorker> {
  const { counts } = await import('./search-shard.ts');
  const worker = searchWorker({ id, signals: false, ...start });
  t.teardown(() => worker.stop());
  const { address } = await worker.start();
  return { id, address, shards: start.shards ?? [0], counts: async () => ({ ...counts }) };
}

export interface RunningRoot {
  readonly root: Root;
  readonly address: string;
  /** Where it was given one. */
  readonly admin: string | undefined;
  readonly client: SearchClient;
}

/** A root before those workers, ready; stopped when the test ends. */
export async function startRoot(
  t: ExecutionContext,
  workers: readonly Pick<RunningWorker, 'id' | 'address' | 'shards'>[],
  options: Partial<RootOptions> & { readonly ready?: boolean } = {},
): Promise<RunningRoot> {
  const count = 1 + Math.max(...workers.flatMap(({ shards }) => shards));
  const { ready = true, ...given } = options;
  const root = createRoot({
    plan: searchPlan,
    topology: staticTopology({
      epoch: 1,
      shardCount: count,
      virtualShards: 4096,
      workers: workers.map(({ id, address, shards }) => ({ id, address, shards, weight: 1 })),
    }),
    listen: '127.0.0.1:0',
    log: createLogger({ level: 'error' }),
    signals: false,
    ...given,
  });
  t.teardown(() => root.stop());
  const { address, admin } = await root.start();
  if (ready) await isReady(root);
  const client = new SearchClient(address);
  t.teardown(() => client.close());
  return { root, address, admin, client };
}

export function isReady(root: Root): Promise<void> {
  if (root.state === 'ready') return Promise.resolve();
  return new Promise((resolve) => {
    const off = root.lifecycle.onChange((state) => {
      if (state !== 'ready') return;
      off();
      resolve();
    });
  });
}

export interface Coverage {
  expected: number;
  answered: number;
  missing: {
    cause: string;
    count: number;
    shards: { first: number; last: number }[];
    detail: string;
    attempts: number;
  }[];
  epoch: string;
  truncated: boolean;
  expectedDocuments: string;
  answeredDocuments: string;
}

export interface Answer {
  // biome-ignore lint/suspicious/noExplicitAny: whatever the method answers
  readonly response?: any;
  readonly bytes?: Buffer;
  readonly code: number;
  readonly details: string;
  readonly coverage: Coverage | undefined;
  readonly trailer: Metadata;
}

const ownTypes = (() => {
  const root = new protobuf.Root();
  root.resolvePath = (_, target) => `${packageRoot}/proto/${target.replace(/^.*proto\//, '')}`;
  return root.loadSync(['regather/v1/coverage.proto', 'regather/v1/explain.proto']);
})();

const coverageType = ownTypes.lookupType('regather.v1.Coverage');
const explainType = ownTypes.lookupType('regather.v1.Explain');

export function decodeCoverage(bytes: Uint8Array): Coverage {
  return coverageType.toObject(coverageType.decode(bytes), {
    enums: String,
    longs: String,
    defaults: true,
  }) as Coverage;
}

/** An ordinary gRPC client, which knows nothing of shards. Never rejects: a failure is an answer too. */
export class SearchClient {
  readonly #client: Client;

  constructor(address: string, channelCredentials = credentials.createInsecure()) {
    this.#client = new Client(address, channelCredentials, { 'grpc.use_local_subchannel_pool': 1 });
  }

  call(
    method: string,
    request: object | Buffer,
    options: {
      timeoutMs?: number;
      metadata?: Record<string, string>;
      started?: (cancel: () => void) => void;
    } = {},
  ): Promise<Answer> {
    const codec = codecs.get(method)!;
    const bytes = Buffer.isBuffer(request) ? request : codec.encodeRequest(request);
    return new Promise((resolve) => {
      let response: Buffer | undefined;
      const call = this.#client.makeUnaryRequest<Buffer, Buffer>(
        this.#path(method),
        (value) => value,
        (value) => value,
        bytes as Buffer,
        metadataOf(options.metadata),
        deadlineOf(options.timeoutMs),
        (error: ServiceError | null, value?: Buffer) => {
          response = value;
          if (error !== null) return;
        },
      );
      call.on('status', (status: StatusObject) =>
        setImmediate(() =>
          resolve({
            ...answerOf(status),
            ...(response === undefined ? {} : { response: codec.decodeResponse(response), bytes: response }),
          }),
        ),
      );
      options.started?.(() => call.cancel());
    });
  }

  stream(
    method: string,
    request: object,
    options: {
      timeoutMs?: number;
      metadata?: Record<string, string>;
      onItem?: (item: unknown, cancel: () => void) => void;
    } = {},
  ): Promise<Answer & { items: unknown[] }> {
    const codec = codecs.get(method)!;
    const items: unknown[] = [];
    return new Promise((resolve) => {
      const stream = this.#client.makeServerStreamRequest<Buffer, Buffer>(
        this.#path(method),
        (value) => value,
        (value) => value,
        codec.encodeRequest(request) as Buffer,
        metadataOf(options.metadata),
        deadlineOf(options.timeoutMs),
      );
      stream.on('data', (bytes: Buffer) => {
        const item = codec.decodeResponse(bytes);
        items.push(item);
        options.onItem?.(item, () => stream.cancel());
      });
      stream.on('error', () => {});
      stream.on('status', (status: StatusObject) =>
        setImmediate(() => resolve({ ...answerOf(status), items })),
      );
    });
  }

  close(): void {
    this.#client.close();
  }

  #path(method: string): string {
    return `/acme.search.v1.Search/${method}`;
  }
}

function answerOf(status: StatusObject): Answer {
  const [coverage] = status.metadata.get('regather-coverage-bin');
  return {
    code: status.code,
    details: status.details,
    coverage: coverage instanceof Buffer ? decodeCoverage(coverage) : undefined,
    trailer: status.metadata,
  };
}

function metadataOf(values: Record<string, string> = {}): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(values)) metadata.set(key, value);
  return metadata;
}

function deadlineOf(timeoutMs: number | undefined): CallOptions {
  return timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
}

/** regather.v1.Explain as its trailer has it; undefined: there was none. */
// biome-ignore lint/suspicious/noExplicitAny: as the message is
export function explainOf({ trailer }: Pick<Answer, 'trailer'>): any {
  const [bytes] = trailer.get('regather-explain-bin');
  if (!(bytes instanceof Buffer)) return undefined;
  return decodeExplain(bytes);
}

// biome-ignore lint/suspicious/noExplicitAny: as the message is
export function decodeExplain(bytes: Uint8Array): any {
  return explainType.toObject(explainType.decode(bytes), { enums: String, longs: String, defaults: true });
}
