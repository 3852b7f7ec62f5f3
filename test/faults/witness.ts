/**
 * Sees every leaf call of the roots in this process, at the one narrow call that everything at a root wraps, and holds them to what must
 * be true of attempts whatever happens to workers.
 */

import { WorkerConnection } from '../../root/upstream/worker-connection.ts';
import type { LeafCall, LeafEnd, LeafHandle, LeafSink, PartTiming } from '../../shared/link/leaf-call.ts';

/** One task of one leaf call. */
interface Sent {
  readonly worker: string;
  readonly first: boolean;
  /** It ended without having begun: the next attempt costs nothing. */
  notStarted: boolean;
}

export class Witness {
  /** First attempts at tasks, and those that came on top and have to be paid for. */
  first = 0;
  extra = 0;
  /** First attempts sent, by worker: where choice led, and not what came of it. */
  readonly firstTo = new Map<string, number>();
  /** By worker, when the latest of the first attempts that it answered was sent. */
  readonly answeredOf = new Map<string, number>();
  /** Leaf calls that haven't ended. */
  open = 0;
  /** What was seen that mustn't be. */
  readonly wrong: string[] = [];
  /** By request: its payload is one object for all of its leaf calls. */
  readonly #requests = new WeakMap<Uint8Array, Map<number, Sent[]>>();
  readonly #run = WorkerConnection.prototype.run;

  constructor() {
    const witness = this;
    const run = this.#run;
    WorkerConnection.prototype.run = function (this: WorkerConnection, call: LeafCall, sink: LeafSink) {
      return run.call(this, call, witness.#sent(this.id, call, sink)) satisfies LeafHandle;
    };
  }

  stop(): void {
    WorkerConnection.prototype.run = this.#run;
  }

  #sent(worker: string, call: LeafCall, sink: LeafSink): LeafSink {
    let request = this.#requests.get(call.payload);
    if (request === undefined) {
      request = new Map();
      this.#requests.set(call.payload, request);
    }
    const mine: Sent[] = [];
    for (const { shard } of call.tasks) {
      const before = request.get(shard) ?? [];
      // Hedges, and probes beside a first attempt.
      const beside = call.apart === true;
      for (const other of beside ? before : []) {
        if (other.worker === worker)
          this.wrong.push(`shard ${shard} was asked of ${worker} as well, which has it already`);
      }
      const last = before.at(-1);
      const first = last === undefined;
      if (first) {
        this.first++;
        this.firstTo.set(worker, (this.firstTo.get(worker) ?? 0) + 1);
      } else if (!last.notStarted) this.extra++;
      const sent: Sent = { worker, first, notStarted: false };
      request.set(shard, [...before, sent]);
      mine.push(sent);
    }
    this.open++;
    return this.#watched(worker, call, sink, mine);
  }

  #watched(worker: string, call: LeafCall, sink: LeafSink, mine: readonly Sent[]): LeafSink {
    let ended = false;
    const came = new Set<number>();
    const sentAt = performance.now();
    const what = `the call of ${call.tasks.map(({ shard }) => shard).join(', ')} to ${worker}`;
    return {
      part: (shards: readonly number[], data: Uint8Array, bytes: readonly number[], timing?: PartTiming) => {
        if (ended) this.wrong.push(`${what} had a part after its end`);
        for (const shard of shards) {
          if (!call.streaming && came.has(shard)) this.wrong.push(`${what} had shard ${shard} twice`);
          came.add(shard);
        }
        sink.part(shards, data, bytes, timing);
      },
      below: (shard, coverage) => sink.below?.(shard, coverage),
      end: (end: LeafEnd) => {
        if (ended) this.wrong.push(`${what} ended twice`);
        else this.open--;
        ended = true;
        if (mine.some(({ first }, i) => first && !failed(end, call.tasks[i]!.shard))) {
          this.answeredOf.set(worker, Math.max(sentAt, this.answeredOf.get(worker) ?? 0));
        }
        for (const { shard, notStarted } of end.failures) {
          const at = call.tasks.findIndex((task) => task.shard === shard);
          if (at < 0) this.wrong.push(`${what} ended with a failure of shard ${shard}`);
          else mine[at]!.notStarted = notStarted;
          if (came.has(shard) && !call.streaming)
            this.wrong.push(`${what} answered and failed shard ${shard}`);
        }
        for (const { shard } of call.streaming ? [] : call.tasks)
          if (!came.has(shard) && !failed(end, shard))
            this.wrong.push(`${what} ended without an answer or a failure of shard ${shard}`);
        sink.end(end);
      },
    };
  }
}

function failed({ failures }: LeafEnd, shard: number): boolean {
  return failures.some((failure) => failure.shard === shard);
}
