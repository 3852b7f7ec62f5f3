/** Steady load from one ordinary gRPC client that knows both roots, and what came of it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, credentials, Metadata, type StatusObject, status } from '@grpc/grpc-js';
import type { ExecutionContext } from 'ava';
import { methodCodecs } from '../../shared/schema/codecs.ts';
import { type Coverage, decodeCoverage, searchPlan } from '../kit/cluster.ts';

const codecs = methodCodecs(searchPlan);

/** Idempotent or not, unary and streaming, to all shards and to some. */
const requests: readonly [method: string, request: object][] = [
  ['TopK', { text: 'a', limit: 5, fault: 'sleep:20@*' }],
  ['Count', { limit: 3, fault: 'sleep:5@*' }],
  ['Get', { id: 'a' }],
  ['Some', { limit: 30, fault: 'sleep:30@1' }],
  ['GetMany', { ids: ['a', 'b', 'c', 'd', 'e', 'f'] }],
  ['List', { perShard: 5, bodyBytes: 100 }],
  ['Info', {}],
];
const CALLERS = 8;
const PAUSE_MS = 10;

export class Load {
  readonly #client: Client;
  readonly #callers: Promise<void>[];
  #stopped = false;
  #sent = 0;
  /** Begun when, by the address that answered it well. */
  readonly #lastBegun = new Map<string, number>();
  readonly bad: string[] = [];
  answers = 0;

  constructor(t: ExecutionContext, addresses: readonly string[]) {
    this.#client = new Client(`ipv4:${addresses.join(',')}`, credentials.createInsecure(), {
      'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 500,
    });
    t.teardown(() => this.stop());
    this.#callers = Array.from({ length: CALLERS }, () => this.#caller());
  }

  /** Waits for what is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#callers);
    this.#client.close();
  }

  /** Resolves when the root at `address` has answered a call that began after now. */
  async answeredBy(address: string): Promise<void> {
    const since = performance.now();
    while ((this.#lastBegun.get(address) ?? 0) < since && this.bad.length === 0) await sleep(PAUSE_MS);
  }

  async #caller(): Promise<void> {
    while (!this.#stopped) {
      const [method, request] = requests[this.#sent++ % requests.length]!;
      await this.#call(method, request);
      await sleep(PAUSE_MS);
    }
  }

  #call(method: string, request: object): Promise<void> {
    const begun = performance.now();
    const codec = codecs.get(method)!;
    const call = this.#client.makeServerStreamRequest<Buffer, Buffer>(
      `/acme.search.v1.Search/${method}`,
      (bytes) => bytes,
      (bytes) => bytes,
      codec.encodeRequest(request),
      new Metadata(),
      { deadline: Date.now() + 20_000 },
    );
    let items = 0;
    call.on('data', () => items++);
    call.on('error', () => {});
    return new Promise((resolve) => {
      call.on('status', (end: StatusObject) => {
        const [bytes] = end.metadata.get('regather-coverage-bin');
        const coverage: Coverage | undefined = bytes instanceof Buffer ? decodeCoverage(bytes) : undefined;
        this.answers++;
        if (end.code === status.OK && coverage !== undefined && coverage.answered === coverage.expected) {
          this.#lastBegun.set(call.getPeer(), begun);
        } else {
          const at = `${method} by ${call.getPeer()} after ${Math.round(performance.now() - begun)} ms`;
          this.bad.push(`${at}: ${end.code} ${end.details}, ${items} items, ${JSON.stringify(coverage)}`);
        }
        resolve();
      });
    });
  }
}
