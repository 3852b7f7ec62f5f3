/**
 * The limits and offsets of a request: read for the outermost root's merge, and rewritten so that shards send enough. Compiled
 * once per method; a request costs one scan per distinct field and, if something changes, one copy.
 */
import { RegatherError } from '../errors/errors.ts';
import type { FieldPath, FieldType, MethodPlan, WindowSpec } from '../schema/plan.ts';
import { findPath, replaceField } from '../wire/path.ts';
import { asBuffer, toNumber } from '../wire/reader.ts';
import { high, loadInteger, low, wireTypeOf, writeInteger } from '../wire/scalar.ts';
import { Writer } from '../wire/writer.ts';
import type { Window } from './merger.ts';

/** A request field that is the limit or the offset of one or more windows. */
interface WindowField {
  readonly path: FieldPath;
  readonly type: FieldType;
  readonly isLimit: boolean;
  /** Its window wants it gone, not 0: only limits and offsets of groups. */
  readonly isRemoved: boolean;
}

interface CompiledWindow {
  readonly spec: WindowSpec;
  /** Index into the fields. */
  readonly limit: number;
  /** Index into the fields; -1: none. */
  readonly offset: number;
  /** `maxWindow`, or less where the limit's own type can't hold as much. */
  readonly bound: number;
}

const empty = new Uint8Array(0);
const writer = new Writer(64);

/** Windows of one method. Not reentrant, as nothing in it waits. */
export class RequestWindows {
  readonly #request: string;
  readonly #fields: readonly WindowField[];
  readonly #windows: readonly CompiledWindow[];
  // Of the request that is being read, by field.
  readonly #onWire: boolean[];
  readonly #values: number[];
  // What shards are asked for, by field: 0 … Infinity (all).
  readonly #shardValues: number[];

  constructor(method: MethodPlan) {
    this.#request = method.request.name;
    const fields: WindowField[] = [];
    this.#windows = method.windows.map((spec) => ({
      spec,
      limit: addField(fields, spec.limit, true, spec.shardsGet),
      offset: spec.offset === undefined ? -1 : addField(fields, spec.offset, false, spec.shardsGet),
      bound: Math.min(spec.maxWindow, largest(typeOf(spec.limit))),
    }));
    this.#fields = fields;
    this.#onWire = fields.map(() => false);
    this.#values = fields.map(() => 0);
    this.#shardValues = fields.map(() => 0);
  }

  /** What a partial is merged by: as the request says, and a limit that is absent or 0 means all. */
  leaf(request: Uint8Array): readonly Window[] {
    this.#read(request);
    const windows: Window[] = [];
    for (const window of this.#windows) {
      const limit = this.#values[window.limit]!;
      const offset = window.offset < 0 ? 0 : this.#values[window.offset]!;
      if (limit < 0 || offset < 0) throw this.#outside(window, limit, offset, false);
      windows.push({ offset, limit: limit === 0 ? Number.POSITIVE_INFINITY : limit });
    }
    return windows;
  }

  /** What the answer is merged by. Then `rewritten` gives the request for the shards. */
  outer(request: Uint8Array): readonly Window[] {
    this.#read(request);
    this.#shardValues.fill(0);
    const windows: Window[] = [];
    for (const window of this.#windows) {
      const asked = this.#values[window.limit]!;
      const offset = window.offset < 0 ? 0 : this.#values[window.offset]!;
      const isDefault = asked === 0;
      const limit = !isDefault
        ? asked
        : window.spec.defaultLimit === 0
          ? Number.POSITIVE_INFINITY
          : window.spec.defaultLimit;
      if (asked < 0 || offset < 0 || (limit !== Number.POSITIVE_INFINITY && offset + limit > window.bound)) {
        throw this.#outside(window, limit, offset, isDefault);
      }
      const wanted = window.spec.shardsGet === 'all' ? Number.POSITIVE_INFINITY : offset + limit;
      if (wanted > this.#shardValues[window.limit]!) this.#shardValues[window.limit] = wanted;
      windows.push({ offset, limit });
    }
    return windows;
  }

  /** The request that shards get, after `outer` of the same request: the same buffer if it needs no change. */
  rewritten(request: Uint8Array): Uint8Array {
    let changed = request;
    writer.reset();
    for (let i = 0; i < this.#fields.length; i++) {
      const { path, type, isLimit, isRemoved } = this.#fields[i]!;
      const isOnWire = this.#onWire[i]!;
      const value = this.#values[i]!;
      const wanted = this.#shardValues[i]!;
      if (isLimit ? wanted === Number.POSITIVE_INFINITY : isRemoved) {
        if (isOnWire && (value !== 0 || isExplicit(path)))
          changed = replaceField(asBuffer(changed), path, empty);
      } else if (value !== wanted) {
        if (path.fields.length === 1) appendField(path, type, wanted);
        else changed = replaceField(asBuffer(changed), path, encoded(path, type, wanted));
      }
    }
    if (writer.pos === 0) return changed;
    const whole = Buffer.allocUnsafe(changed.length + writer.pos);
    whole.set(changed);
    writer.buffer.copy(whole, changed.length, 0, writer.pos);
    return whole;
  }

  #read(request: Uint8Array): void {
    const bytes = asBuffer(request);
    for (let i = 0; i < this.#fields.length; i++) {
      const { path, type } = this.#fields[i]!;
      const at = findPath(bytes, 0, bytes.length, path.fields, 0);
      this.#onWire[i] = at >= 0;
      if (at < 0) {
        this.#values[i] = 0;
        continue;
      }
      loadInteger(type, bytes, at);
      this.#values[i] = toNumber(high, low);
    }
  }

  #outside(window: CompiledWindow, limit: number, offset: number, isDefault: boolean): RegatherError {
    const { spec, bound } = window;
    const limitText = isDefault ? `${limit} (the default)` : String(limit);
    const names =
      spec.offset === undefined ? `"${spec.limit.text}"` : `"${spec.offset.text}" + "${spec.limit.text}"`;
    const got = spec.offset === undefined ? limitText : `${offset} + ${limitText}`;
    const rule = limit < 0 || offset < 0 ? `0 or more each, and ${bound} at most` : `${bound} at most`;
    return new RegatherError(
      'REQUEST_WINDOW',
      `Expected ${names} of ${this.#request} to be ${rule}, got ${got}`,
      {
        field: offset < 0 && limit >= 0 ? spec.offset!.text : spec.limit.text,
      },
    );
  }
}

function typeOf(path: FieldPath): FieldType {
  return path.fields.at(-1)!.type;
}

function isExplicit(path: FieldPath): boolean {
  return path.fields.at(-1)!.presence === 'explicit';
}

function addField(
  fields: WindowField[],
  path: FieldPath,
  isLimit: boolean,
  shardsGet: WindowSpec['shardsGet'],
): number {
  const known = fields.findIndex((field) => field.path.text === path.text);
  const isRemoved = !isLimit && shardsGet === 'all';
  if (known < 0) return fields.push({ path, type: typeOf(path), isLimit, isRemoved }) - 1;
  const field = fields[known]!;
  // Shared by windows of both kinds: 0 suits both.
  fields[known] = { ...field, isLimit: field.isLimit || isLimit, isRemoved: field.isRemoved && isRemoved };
  return known;
}

/** The largest number that a field of this type holds and a double has exactly. */
function largest(type: FieldType): number {
  switch (type) {
    case 'int32':
    case 'sint32':
    case 'sfixed32':
      return 2 ** 31 - 1;
    case 'uint32':
    case 'fixed32':
      return 2 ** 32 - 1;
    default:
      return Number.MAX_SAFE_INTEGER;
  }
}

function appendField(path: FieldPath, type: FieldType, value: number): void {
  writer.tag(path.fields.at(-1)!.number, wireTypeOf(type));
  writeInteger(writer, type, Math.floor(value / 0x1_0000_0000) >>> 0, value >>> 0);
}

/** Tag and value. Leaves what is in the writer. */
function encoded(path: FieldPath, type: FieldType, value: number): Uint8Array {
  const start = writer.pos;
  appendField(path, type, value);
  const bytes = Buffer.from(writer.buffer.subarray(start, writer.pos));
  writer.pos = start;
  return bytes;
}
