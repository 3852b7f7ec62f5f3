/** A SPLIT request becomes one request per shard: the same bytes, with only that shard's keys. */
import { RegatherError } from '../../shared/errors/errors.ts';
import { int64Bytes } from '../../shared/keys/key-bytes.ts';
import { shardOfHash } from '../../shared/keys/shard-of.ts';
import { xxh32 } from '../../shared/keys/xxh32.ts';
import type { LeafTask } from '../../shared/link/leaf-call.ts';
import type { AskedKey } from '../../shared/merge/merger.ts';
import type { FieldPath, FieldShape, KeySpec, MethodPlan } from '../../shared/schema/plan.ts';
import { replaceField } from '../../shared/wire/path.ts';
import { LEN, skipValue, tagEnd, varintEnd, varintLow } from '../../shared/wire/reader.ts';
import { high, loadInteger, low, wireTypeOf } from '../../shared/wire/scalar.ts';
import { Writer } from '../../shared/wire/writer.ts';
import type { PlanTopology } from '../plan.ts';
import { DistinctKeys } from './distinct-keys.ts';

export interface Split {
  /** Ascending by shard; shards without keys have none. */
  readonly tasks: readonly LeafTask[];
  /** For every position of the request's list. */
  readonly asked: readonly AskedKey[];
}

/** What a request's other fields may come to, repeated for every shard: a request of 4 MiB to 1,000 shards would be 4 GB at once. */
const MAX_REPEATED_BYTES = 64 * 1024 * 1024;
const empty = new Uint8Array(0);
const writer = new Writer(1024);
const splits = new WeakMap<MethodPlan, RequestSplit>();

export function requestSplitOf(method: MethodPlan, spec: KeySpec): RequestSplit {
  let split = splits.get(method);
  if (split === undefined) {
    split = new RequestSplit(method, spec);
    splits.set(method, split);
  }
  return split;
}

export class RequestSplit {
  readonly #request: string;
  readonly #path: FieldPath;
  readonly #field: FieldShape;
  readonly #hashAs: KeySpec['hashAs'];

  constructor(method: MethodPlan, spec: KeySpec) {
    this.#request = method.request.name;
    this.#path = spec.path;
    this.#field = spec.path.fields.at(-1)!;
    this.#hashAs = spec.hashAs;
  }

  /** `request` was found valid. Throws RegatherError REQUEST_KEY_EMPTY for an empty string or bytes in the list. */
  split(request: Buffer, topology: PlanTopology): Split {
    // Where each value lies: for strings from their length on.
    const starts: number[] = [];
    const ends: number[] = [];
    collect(request, 0, request.length, this.#path.fields, 0, starts, ends);
    const asked: AskedKey[] = [];
    const distinct = new DistinctKeys(starts.length);
    const byShard: (number[] | undefined)[] = [];
    for (let i = 0; i < starts.length; i++) {
      const key = this.#keyAt(request, starts[i]!, ends[i]!, i);
      const hash = xxh32(key);
      let entry = distinct.find(key, hash);
      if (entry === undefined) {
        const shard = shardOfHash(hash, topology.shardCount, topology.virtualShards);
        let mine = byShard[shard];
        if (mine === undefined) byShard[shard] = mine = [];
        entry = { shard, index: mine.length, key };
        mine.push(i);
        distinct.add(key, hash, entry);
      }
      asked.push(entry);
    }
    return { tasks: starts.length === 0 ? [] : this.#tasks(request, starts, ends, byShard), asked };
  }

  #keyAt(request: Buffer, start: number, end: number, position: number): Buffer {
    if (this.#hashAs === 'int64') {
      loadInteger(this.#field.type, request, start);
      return int64Bytes(low, high);
    }
    const content = varintEnd(request, start, end);
    if (content === end) {
      throw new RegatherError(
        'REQUEST_KEY_EMPTY',
        `Expected the keys in "${this.#path.text}" of ${this.#request} not to be empty, got an empty one at position ${position}`,
        { field: this.#path.text },
      );
    }
    return request.subarray(content, end);
  }

  #tasks(
    request: Buffer,
    starts: readonly number[],
    ends: readonly number[],
    byShard: readonly (readonly number[] | undefined)[],
  ): LeafTask[] {
    const rest = replaceField(request, this.#path, empty);
    let shards = 0;
    for (let shard = 0; shard < byShard.length; shard++) if (byShard[shard] !== undefined) shards++;
    if (rest.length * shards > MAX_REPEATED_BYTES) {
      throw new RegatherError(
        'REQUEST_TOO_LARGE',
        `Expected the fields of ${this.#request} beside "${this.#path.text}" to be small, because each shard gets them: ` +
          `${rest.length} bytes for ${shards} shards are more than ${MAX_REPEATED_BYTES}`,
        { field: this.#path.text },
      );
    }
    const tasks: LeafTask[] = [];
    for (let shard = 0; shard < byShard.length; shard++) {
      const mine = byShard[shard];
      if (mine === undefined) continue;
      writer.reset();
      const isTop = this.#path.fields.length === 1;
      if (isTop) writer.copy(rest, 0, rest.length);
      this.#writeKeys(request, starts, ends, mine);
      const written = writer.finish();
      tasks.push({ shard, payload: isTop ? written : replaceField(rest, this.#path, written) });
    }
    return tasks;
  }

  /** As the field is declared, packed or not, whatever the client chose. */
  #writeKeys(
    request: Buffer,
    starts: readonly number[],
    ends: readonly number[],
    mine: readonly number[],
  ): void {
    const { number, type, packed } = this.#field;
    if (packed && this.#hashAs === 'int64') {
      let length = 0;
      for (const i of mine) length += ends[i]! - starts[i]!;
      writer.tag(number, LEN);
      writer.varint(length);
      for (const i of mine) writer.copy(request, starts[i]!, ends[i]!);
      return;
    }
    const wireType = wireTypeOf(type);
    for (const i of mine) {
      writer.tag(number, wireType);
      writer.copy(request, starts[i]!, ends[i]!);
    }
  }
}

/** Every value of the repeated field at the end of the path, in wire order, packed or not. */
function collect(
  bytes: Buffer,
  start: number,
  end: number,
  fields: readonly FieldShape[],
  level: number,
  starts: number[],
  ends: number[],
): void {
  const field = fields[level]!;
  const wireType = wireTypeOf(field.type);
  for (let pos = start; pos < end; ) {
    const valueAt = tagEnd(bytes, pos, end);
    const tag = varintLow(bytes, pos);
    const next = skipValue(bytes, valueAt, end, tag);
    if (tag >>> 3 === field.number) {
      if (level < fields.length - 1) {
        const inside = (tag & 7) === LEN ? varintEnd(bytes, valueAt, end) : valueAt;
        collect(bytes, inside, next, fields, level + 1, starts, ends);
      } else if ((tag & 7) === wireType) {
        starts.push(valueAt);
        ends.push(next);
      } else {
        for (let at = varintEnd(bytes, valueAt, end); at < next; ) {
          starts.push(at);
          at = skipValue(bytes, at, next, wireType);
          ends.push(at);
        }
      }
    }
    pos = next;
  }
}
