/**
 * One server-streaming answer: shards' items are forwarded whole, in the order they come. A shard of which an item was forwarded
 * isn't tried again; if it fails, the stream ends with an error or, where partial answers are allowed, coverage says `incomplete`.
 */
import type { ServerWritableStream } from '@grpc/grpc-js';
import { Answer } from './answer.ts';
import type { Attempt } from './attempt.ts';
import { type Coverage, coverageTrailer, type Missing } from './coverage.ts';
import type { Failure } from './finish.ts';
import { checkPartial } from './single-partial.ts';

export class StreamAnswer extends Answer<ServerWritableStream<Buffer, Buffer>> {
  readonly #ended = new Set<number>();
  /** Shards of which an item was forwarded. */
  readonly #begun = new Set<number>();
  /** Bytes per attempt that the client's stream hasn't taken. */
  #ungranted: Map<Attempt, number> | undefined;

  protected planned(): void {
    this.call.on('drain', () => this.#drained());
  }

  part(attempt: Attempt, shards: readonly number[], data: Uint8Array, itemBytes: readonly number[]): void {
    const shard = shards[0]!;
    const { response } = this.method.plan.leaf;
    this.serving.metrics.partialBytes.inc(data.length);
    // All before the first is forwarded. A retry after that never happens, so this is the only source of its shard.
    for (let i = 0, start = 0; i < itemBytes.length; i++) {
      const end = start + itemBytes[i]!;
      checkPartial(data, start, end, response, shards);
      start = end;
    }
    let flowing = true;
    for (let i = 0, start = 0; i < itemBytes.length; i++) {
      const end = start + itemBytes[i]!;
      this.#begun.add(shard);
      flowing = this.call.write(data.subarray(start, end) as Buffer);
      start = end;
    }
    if (flowing && this.#ungranted === undefined) {
      attempt.handle!.grant(data.length);
    } else {
      this.#ungranted ??= new Map();
      this.#ungranted.set(attempt, (this.#ungranted.get(attempt) ?? 0) + data.length);
    }
  }

  ended(shard: number): void {
    this.#ended.add(shard);
  }

  isHeldUp(attempt: Attempt): boolean {
    return this.#ungranted?.has(attempt) === true;
  }

  has(shard: number): boolean {
    return this.#ended.has(shard);
  }

  get complete(): boolean {
    return this.#ended.size === this.plan.tasks.length;
  }

  restartable(shard: number): boolean {
    return !this.#begun.has(shard);
  }

  /** A shard that ran into the deadline after it began is incomplete, not late. */
  protected override settle(missing: readonly Missing[]): void {
    super.settle(
      missing.map((entry) =>
        entry.cause === 'timeout' && this.#begun.has(entry.shard)
          ? { ...entry, cause: 'incomplete' as const }
          : entry,
      ),
    );
  }

  protected deliver(coverage: Coverage): void {
    if (coverage.missing.length > 0) this.method.metrics.partial.inc();
    const trailer = this.explained(coverageTrailer(coverage).trailer);
    this.finish(0);
    this.call.end(trailer);
  }

  protected sendFailure(failure: Failure): void {
    this.call.emit('error', failure);
  }

  #drained(): void {
    const waiting = this.#ungranted;
    if (waiting === undefined) return;
    this.#ungranted = undefined;
    for (const [attempt, bytes] of waiting) if (!attempt.ended) attempt.handle?.grant(bytes);
  }
}
