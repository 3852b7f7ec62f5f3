/** From a method's plan to its Merger: every field gets its reducer, once, at start-up. */
import { RegatherError } from '../errors/errors.ts';
import { Align } from '../reducers/align.ts';
import { AnyAll } from '../reducers/any-all.ts';
import { Avg } from '../reducers/avg.ts';
import { Concat } from '../reducers/concat.ts';
import { Coverage } from '../reducers/coverage.ts';
import { Custom, type CustomReducers } from '../reducers/custom.ts';
import { First } from '../reducers/first.ts';
import { Group } from '../reducers/group.ts';
import { Key } from '../reducers/key.ts';
import { MapMerge } from '../reducers/map.ts';
import { MinMax } from '../reducers/min-max.ts';
import { Nested } from '../reducers/nested.ts';
import type { Reducer } from '../reducers/reducer.ts';
import { Same } from '../reducers/same.ts';
import { Sum } from '../reducers/sum.ts';
import { Top } from '../reducers/top.ts';
import { KeyedUnion, Union } from '../reducers/union.ts';
import type { FieldMerge, FieldShape, MergeSpec, MessageMerge, MethodPlan } from '../schema/plan.ts';
import { Checks } from '../wire/check.ts';
import { FieldCode, MessageCode, OneofCode } from './code.ts';
import { Gather } from './gather.ts';
import type { Merger } from './merger.ts';
import { Order } from './order.ts';

/**
 * The merger of an ALL or SPLIT method. Throws RegatherError: REDUCER_UNKNOWN for a custom merge that isn't in `custom`, PLAN_INVALID
 * for one that doesn't accept its field.
 */
export function compileMerger(method: MethodPlan, custom: CustomReducers = new Map()): Merger {
  if (method.merge === undefined) {
    throw new RegatherError('INTERNAL', `Expected a method whose answers merge, got ${method.name}`);
  }
  return new Gather(new Compiler(custom).message(method.merge));
}

class Compiler {
  readonly #custom: CustomReducers;
  readonly #checks = new Checks();
  /** Messages may contain themselves. */
  readonly #messages = new Map<MessageMerge, MessageCode>();

  constructor(custom: CustomReducers) {
    this.#custom = custom;
  }

  message(merge: MessageMerge, isEntry = false): MessageCode {
    const known = this.#messages.get(merge);
    if (known !== undefined) return known;
    const code = new MessageCode(merge, this.#checks.of(merge.shape), containsInternal(merge, new Set()));
    this.#messages.set(merge, code);
    for (const fieldMerge of merge.fields) {
      const { field, spec } = fieldMerge;
      const oneof = field.oneof === undefined ? -1 : oneofOf(code, field.oneof);
      if (oneof >= 0 && spec.kind !== 'first') code.oneofs[oneof]!.allFirst = false;
      const check = field.message === undefined ? undefined : this.#checks.of(field.message);
      code.add(
        new FieldCode(code.shape, fieldMerge, {
          slot: code.fields.length,
          oneof,
          free: fieldMerge.free,
          explicit: isEntry || field.presence === 'explicit',
          check,
        }),
      );
    }
    for (const field of code.fields) {
      field.reducer = this.#reducer(code, field);
      if (field.free && !field.reducer.laws.free) {
        throw new RegatherError(
          'PLAN_INVALID',
          `Expected a reducer that declares itself free, got ${nameOf(field.merge.spec)} (${field.name})`,
          { ...field.field.place, field: field.name },
        );
      }
    }
    return code;
  }

  #reducer(message: MessageCode, field: FieldCode): Reducer {
    const { spec } = field.merge;
    switch (spec.kind) {
      case 'sum':
        return new Sum(field);
      case 'min':
      case 'max':
        return new MinMax(field, spec.kind);
      case 'any':
      case 'all':
        return new AnyAll(field, spec.kind);
      case 'first':
        return new First(field);
      case 'same':
        return new Same(field);
      case 'concat':
        return new Concat(field);
      case 'avg':
        return new Avg(field, sibling(message, spec.sum), sibling(message, spec.count));
      case 'union':
        return spec.by.length === 0 ? new Union(field) : new KeyedUnion(field, spec.by);
      case 'top': {
        const orders = Order.all(spec.by);
        field.order = orders[0];
        return new Top(field, orders, spec.window);
      }
      case 'group': {
        const item = this.message(spec.item);
        return new Group(field, item, spec, isAllFree(item));
      }
      case 'key':
        return new Key(field);
      case 'map': {
        const entry = this.message(entryMerge(field.field, spec.values), true);
        return new MapMerge(field, entry, isAllFree(entry));
      }
      case 'align':
        return new Align(field, spec.by);
      case 'custom':
        return this.#customReducer(field, spec.name, spec.options);
      case 'message':
        field.child = this.message(spec.merge);
        return new Nested(field, isAllFree(field.child));
      case 'coverage':
        return new Coverage();
    }
  }

  #customReducer(field: FieldCode, name: string, options: string): Reducer {
    const reducer = this.#custom.get(name);
    const context = { ...field.field.place, field: field.name };
    if (reducer === undefined) {
      const known = [...this.#custom.keys()].sort().join(', ') || 'none';
      throw new RegatherError(
        'REDUCER_UNKNOWN',
        `Expected a registered reducer (${known}), got "${name}" (${field.name})`,
        context,
      );
    }
    const refusal = reducer.accepts?.(field.field, options);
    if (refusal !== undefined) {
      throw new RegatherError(
        'PLAN_INVALID',
        `Custom reducer "${name}" refuses ${field.name}: ${refusal}`,
        context,
      );
    }
    return new Custom(field, reducer, options);
  }
}

function nameOf(spec: MergeSpec): string {
  return spec.kind === 'custom' ? `custom "${spec.name}"` : spec.kind;
}

function oneofOf(code: MessageCode, name: string): number {
  const known = code.oneofs.findIndex((oneof) => oneof.name === name);
  return known >= 0 ? known : code.oneofs.push(new OneofCode(name)) - 1;
}

function isAllFree(code: MessageCode): boolean {
  return code.fields.every((field) => field.free);
}

function sibling(message: MessageCode, wanted: FieldShape): FieldCode {
  const slot = message.slotOf(wanted.number);
  if (slot < 0)
    throw new RegatherError('INTERNAL', `Expected ${wanted.name} to be a field of ${message.shape.name}`);
  return message.fields[slot]!;
}

/** A map's entry as a message: its key, and its value with the merge of the values. */
function entryMerge(map: FieldShape, values: FieldMerge): MessageMerge {
  const shape = map.message!;
  const key = shape.fields.find((field) => field.number === 1)!;
  return { shape, fields: [{ field: key, spec: { kind: 'key' }, free: true, internal: false }, values] };
}

function containsInternal(merge: MessageMerge, seen: Set<MessageMerge>): boolean {
  if (seen.has(merge)) return false;
  seen.add(merge);
  return merge.fields.some((field) => isInternal(field, seen));
}

function isInternal({ internal, spec }: FieldMerge, seen: Set<MessageMerge>): boolean {
  if (internal) return true;
  if (spec.kind === 'message') return containsInternal(spec.merge, seen);
  if (spec.kind === 'group') return containsInternal(spec.item, seen);
  return spec.kind === 'map' && isInternal(spec.values, seen);
}
