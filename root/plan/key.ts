/** The key of a KEY request, hashed where it lies in the bytes. */
import { RegatherError } from '../../shared/errors/errors.ts';
import { shardOfHash } from '../../shared/keys/shard-of.ts';
import { xxh32, xxh32Int64 } from '../../shared/keys/xxh32.ts';
import type { FieldShape, KeySpec, MessageShape, MethodPlan } from '../../shared/schema/plan.ts';
import { findPath } from '../../shared/wire/path.ts';
import { skipValue, tagEnd, varintEnd, varintLow } from '../../shared/wire/reader.ts';
import { high, loadInteger, low, wireTypeOf } from '../../shared/wire/scalar.ts';
import type { PlanTopology } from '../plan.ts';

const keys = new WeakMap<MethodPlan, RequestKey>();

export function requestKeyOf(method: MethodPlan, spec: KeySpec): RequestKey {
  let key = keys.get(method);
  if (key === undefined) {
    key = new RequestKey(method, spec);
    keys.set(method, key);
  }
  return key;
}

export class RequestKey {
  readonly #request: string;
  readonly #text: string;
  readonly #fields: readonly FieldShape[];
  readonly #field: FieldShape;
  readonly #hashAs: KeySpec['hashAs'];
  /** By level: numbers of the other members of the field's oneof, which unset it. Undefined: no oneof on the path. */
  readonly #rivals: readonly (readonly number[])[] | undefined;

  constructor(method: MethodPlan, spec: KeySpec) {
    this.#request = method.request.name;
    this.#text = spec.path.text;
    this.#fields = spec.path.fields;
    this.#field = spec.path.fields.at(-1)!;
    this.#hashAs = spec.hashAs;
    this.#rivals = spec.path.fields.some((field) => field.oneof !== undefined)
      ? rivalsOf(method.request, spec.path.fields)
      : undefined;
  }

  /** The shard that owns the key of `request`, which was found valid. Throws RegatherError REQUEST_KEY_EMPTY. */
  shard(request: Buffer, topology: PlanTopology): number {
    return shardOfHash(this.#hash(request), topology.shardCount, topology.virtualShards);
  }

  #hash(request: Buffer): number {
    const end = request.length;
    const at =
      this.#rivals === undefined
        ? findPath(request, 0, end, this.#fields, 0)
        : findMember(request, 0, end, this.#fields, this.#rivals, 0);
    if (this.#hashAs === 'bytes') {
      if (at < 0) throw this.#empty('is absent');
      const start = varintEnd(request, at, end);
      const length = varintLow(request, at);
      if (length === 0) throw this.#empty('is empty');
      return xxh32(request, 0, start, start + length);
    }
    if (at < 0) {
      // Without presence an absent integer is 0, and 0 is a key; but only of a message that is there.
      if (this.#field.presence === 'explicit' || !this.#hasParent(request)) throw this.#empty('is absent');
      return xxh32Int64(0, 0);
    }
    loadInteger(this.#field.type, request, at);
    return xxh32Int64(low, high);
  }

  #hasParent(request: Buffer): boolean {
    if (this.#fields.length === 1) return true;
    const parents = this.#fields.slice(0, -1);
    return this.#rivals === undefined
      ? findPath(request, 0, request.length, parents, 0) >= 0
      : findMember(request, 0, request.length, parents, this.#rivals, 0) >= 0;
  }

  #empty(how: string): RegatherError {
    return new RegatherError(
      'REQUEST_KEY_EMPTY',
      `Expected "${this.#text}" of ${this.#request} to be the key that says which shard the request goes to; it ${how}`,
      { field: this.#text },
    );
  }
}

function rivalsOf(request: MessageShape, fields: readonly FieldShape[]): number[][] {
  let shape = request;
  return fields.map((field) => {
    const rivals = shape.fields.filter(
      (other) => field.oneof !== undefined && other.oneof === field.oneof && other !== field,
    );
    shape = field.message ?? shape;
    return rivals.map((other) => other.number);
  });
}

/** `findPath`, where a later member of a oneof unsets an earlier one with all that is in it. */
function findMember(
  bytes: Buffer,
  start: number,
  end: number,
  fields: readonly FieldShape[],
  rivals: readonly (readonly number[])[],
  level: number,
): number {
  const field = fields[level]!;
  const wanted = ((field.number << 3) | wireTypeOf(field.type)) >>> 0;
  let found = -1;
  for (let pos = start; pos < end; ) {
    const valueAt = tagEnd(bytes, pos, end);
    const tag = varintLow(bytes, pos);
    const next = skipValue(bytes, valueAt, end, tag);
    if (tag === wanted) {
      if (level === fields.length - 1) found = valueAt;
      else {
        const inside = (tag & 7) === 2 ? varintEnd(bytes, valueAt, end) : valueAt;
        const inner = findMember(bytes, inside, next, fields, rivals, level + 1);
        if (inner >= 0) found = inner;
      }
    } else if (rivals[level]!.includes(tag >>> 3)) found = -1;
    pos = next;
  }
  return found;
}
