import { type GroupOptions, type MergeOptions, readMerge, type TopOptions } from './annotations.ts';
import { compileOrderFrom, compileWindow } from './compile-window.ts';
import { mergeKinds, scalarMerge, suggestion, typeRule, writtenType, zeroText } from './merge-rules.ts';
import type { MergeScope } from './merge-scope.ts';
import {
  describe,
  isFloat,
  isInteger,
  isNumber,
  lastField,
  resolveOrder,
  resolvePath,
  resolvePaths,
} from './paths.ts';
import type { FieldMerge, FieldPath, FieldShape, MergeSpec, MessageMerge, MessageShape } from './plan.ts';
import { didYouMean } from './suggest.ts';

export const coverageMessage = 'regather.v1.Coverage';

/** Where in the response a message is that merges. */
interface Inside {
  readonly shape: MessageShape;
  /** Messages around it, itself included. */
  readonly path: readonly string[];
  /** `response`: by singular messages only. `item`: of a group or map. */
  readonly level: 'top' | 'response' | 'item';
  /** Key fields of the group around it, as paths from here. */
  readonly keys: readonly (readonly FieldShape[])[];
}

/** The merge of a response, by every rule of annotations.md. What breaks a rule goes to `scope.problems`. */
export function compileMerge(scope: MergeScope, response: MessageShape): MessageMerge {
  return new MergeCompiler(scope).message({ shape: response, path: [response.name], level: 'top', keys: [] });
}

class MergeCompiler {
  readonly #scope: MergeScope;

  constructor(scope: MergeScope) {
    this.#scope = scope;
  }

  message(inside: Inside): MessageMerge {
    const fields = inside.shape.fields.map((field): FieldMerge => {
      const spec = this.#field(inside, field);
      const free = field.oneof === undefined && this.#free(spec, field);
      return { field, spec, free, internal: false };
    });
    return { shape: inside.shape, fields };
  }

  #fail(inside: MessageShape, field: FieldShape, message: string): MergeSpec {
    const name = `${inside.name}.${field.name}`;
    this.#scope.problems.add('PLAN_INVALID', field.place, name, `${name}: ${message}`);
    // The plan is thrown away in the end; anything that needs no further rules will do.
    return { kind: 'first' };
  }

  #free(spec: MergeSpec, field: FieldShape): boolean {
    switch (spec.kind) {
      case 'sum':
        return isInteger(field);
      case 'min':
      case 'max':
      case 'any':
      case 'all':
      case 'avg':
      case 'top':
      case 'key':
      case 'coverage':
        return true;
      case 'union':
        return spec.by.length === 0;
      case 'group':
        return spec.item.fields.every(({ free }) => free);
      case 'map':
        return spec.values.free;
      case 'message':
        return spec.merge.fields.every(({ free }) => free);
      case 'custom':
        return this.#scope.custom.free.has(spec.name);
      default:
        return false;
    }
  }

  #field(inside: Inside, field: FieldShape): MergeSpec {
    const fail = (message: string): MergeSpec => this.#fail(inside.shape, field, message);
    const read = readMerge(this.#scope.shapes.desc(field)?.options);
    const keys = inside.keys.filter(([first]) => first === field);
    if (keys.length > 0) return this.#key(inside, field, keys, read !== undefined);
    if (field.typeName === coverageMessage) return this.#coverage(inside, field, read !== undefined);
    if (field.type === 'group')
      return fail('proto2 groups and delimited messages do not merge: use a length-prefixed message.');
    if (read === undefined) {
      if (field.type === 'message' && !field.repeated) return this.#nested(inside, field, []);
      return fail(`has no merge. ${suggestion(field)}`);
    }
    if (read.unknown !== undefined) {
      return fail(`its merge has a field ${read.unknown} that this version of Regather does not know.`);
    }
    return this.#annotated(inside, field, read.value, false);
  }

  #coverage(inside: Inside, field: FieldShape, annotated: boolean): MergeSpec {
    if (field.repeated)
      return this.#fail(
        inside.shape,
        field,
        `is a repeated ${coverageMessage}: the root fills in a singular one.`,
      );
    if (annotated)
      return this.#fail(
        inside.shape,
        field,
        `is a ${coverageMessage}, which the root fills in: it takes no merge.`,
      );
    if (inside.level === 'top') return { kind: 'coverage' };
    return this.#fail(
      inside.shape,
      field,
      `is a ${coverageMessage}, which can stand in the response itself only.`,
    );
  }

  #key(
    inside: Inside,
    field: FieldShape,
    keys: readonly (readonly FieldShape[])[],
    annotated: boolean,
  ): MergeSpec {
    if (annotated)
      return this.#fail(inside.shape, field, 'is part of the key of its group: it takes no merge.');
    if (keys.some((path) => path.length === 1)) return { kind: 'key' };
    return this.#nested(
      inside,
      field,
      keys.map((path) => path.slice(1)),
    );
  }

  #nested(inside: Inside, field: FieldShape, keys: Inside['keys']): MergeSpec {
    const shape = field.message!;
    if (shape.name.startsWith('google.protobuf.') && keys.length === 0) {
      // Nobody can annotate its fields.
      return this.#fail(
        inside.shape,
        field,
        `has no merge, and ${shape.name} can't merge field by field. Write, for instance, [(regather.v1.merge).first = {}] or .same = {}.`,
      );
    }
    if (inside.path.includes(shape.name)) {
      return this.#fail(
        inside.shape,
        field,
        `merges field by field, but ${shape.name} contains itself: give it a merge such as [(regather.v1.merge).first = {}].`,
      );
    }
    const level = inside.level === 'item' ? 'item' : 'response';
    return {
      kind: 'message',
      merge: this.message({ shape, path: [...inside.path, shape.name], level, keys }),
    };
  }

  /** `mapValue`: the field is a map's value, which is present whenever its entry is. */
  #annotated(inside: Inside, field: FieldShape, options: MergeOptions, mapValue: boolean): MergeSpec {
    const fail = (message: string): MergeSpec => this.#fail(inside.shape, field, message);
    const set = mergeKinds.filter((kind) => options[kind] !== undefined);
    const [kind] = set;
    if (kind === undefined) return fail(`its merge names no kind: expected one of ${mergeKinds.join(', ')}.`);
    if (set.length > 1) return fail(`has several merges: ${set.join(' and ')}.`);
    const wrong = typeRule(kind, field);
    if (wrong !== undefined) return fail(wrong);
    const needsPresence = kind === 'min' || kind === 'max' || kind === 'first' || kind === 'same';
    if (needsPresence && field.presence === 'implicit' && !mapValue) {
      return fail(
        `${kind} needs explicit presence, because in an implicit field ${zeroText(field)} and nothing are the same bytes: write "optional ${writtenType(field)} ${field.name} = ${field.number}".`,
      );
    }
    switch (kind) {
      case 'avg':
        return mapValue
          ? fail('avg needs fields beside it, which the values of a map have not.')
          : this.#avg(inside, field, options.avg!);
      case 'union':
        return this.#union(inside, field, options.union!.by);
      case 'top':
        return this.#top(inside, field, options.top!);
      case 'group':
        return this.#group(inside, field, options.group!);
      case 'map':
        return this.#map(inside, field, options.map!);
      case 'align':
        return this.#align(inside, field, options.align!.by);
      case 'custom':
        return this.#custom(inside, field, options.custom!);
      default:
        return { kind };
    }
  }

  #avg(inside: Inside, field: FieldShape, options: { sum: string; count: string }): MergeSpec {
    const fail = (message: string): MergeSpec => this.#fail(inside.shape, field, message);
    if (field.oneof !== undefined)
      return fail(`avg is computed and can't be a member of a oneof ("${field.oneof}").`);
    const sibling = (which: 'sum' | 'count'): FieldShape | undefined => {
      const name = options[which];
      const found = inside.shape.fields.find((candidate) => candidate.name === name);
      if (found === undefined) {
        const names = inside.shape.fields.map((candidate) => candidate.name);
        if (name === '') fail(`avg needs "${which}", the name of a field beside it.`);
        else
          fail(
            `avg names ${which} "${name}", but ${inside.shape.name} has no such field.${didYouMean(name, names)}`,
          );
        return undefined;
      }
      const fits = !found.repeated && (which === 'sum' ? isNumber(found) : isInteger(found));
      const needs = which === 'sum' ? 'a singular number' : 'a singular integer';
      if (!fits) fail(`avg names ${which} "${name}", which is ${describe(found)}: expected ${needs}.`);
      else if (readMerge(this.#scope.shapes.desc(found)?.options)?.value.sum === undefined) {
        fail(`avg names ${which} "${name}", which must itself merge by sum.`);
      }
      return found;
    };
    const sum = sibling('sum');
    const count = sibling('count');
    return sum === undefined || count === undefined ? { kind: 'first' } : { kind: 'avg', sum, count };
  }

  #union(inside: Inside, field: FieldShape, by: string): MergeSpec {
    if (by === '') return { kind: 'union', by: [] };
    if (field.type !== 'message') {
      return this.#fail(
        inside.shape,
        field,
        `union takes "by" for messages only, and this is ${describe(field)}.`,
      );
    }
    const paths = this.#keyPaths(inside, field, 'union', by);
    return paths === undefined ? { kind: 'first' } : { kind: 'union', by: paths };
  }

  /** Fields that items are equal by: floats are not, since NaN and the two zeros have no one answer. */
  #keyPaths(inside: Inside, field: FieldShape, kind: 'union' | 'group', by: string): FieldPath[] | undefined {
    const paths = resolvePaths(by, field.message!);
    if (typeof paths === 'string') {
      this.#fail(inside.shape, field, `${kind}'s "by" ${paths}`);
      return undefined;
    }
    const float = paths.find((path) => isFloat(lastField(path)));
    if (float !== undefined) {
      this.#fail(
        inside.shape,
        field,
        `${kind}'s "by" names "${float.text}", which is ${describe(lastField(float))}: expected a string, bytes, integer, bool or enum.`,
      );
      return undefined;
    }
    return paths;
  }

  #top(inside: Inside, field: FieldShape, options: TopOptions): MergeSpec {
    const fail = (message: string): MergeSpec => this.#fail(inside.shape, field, message);
    if (options.by.trim() === '') return fail('top needs "by", such as "score desc, id".');
    const by = resolveOrder(options.by, field.message!);
    if (typeof by === 'string') return fail(`top's "by" ${by}`);
    const window = compileWindow(this.#scope, 'top', options, fail);
    return { kind: 'top', by, ...(window === undefined ? {} : { window }) };
  }

  #group(inside: Inside, field: FieldShape, options: GroupOptions): MergeSpec {
    const fail = (message: string): MergeSpec => this.#fail(inside.shape, field, message);
    const item = field.message!;
    if (options.by.trim() === '')
      return fail('group needs "by", the fields that items with equal values become one by.');
    if (inside.path.includes(item.name)) return fail(`groups ${item.name}, which contains itself.`);
    const by = this.#keyPaths(inside, field, 'group', options.by);
    if (by === undefined) return { kind: 'first' };
    const merge = this.message({
      shape: item,
      path: [...inside.path, item.name],
      level: 'item',
      keys: by.map(({ fields }) => fields),
    });
    const order = options.order.trim() === '' ? [] : resolveOrder(options.order, item);
    if (typeof order === 'string') return fail(`group's "order" ${order}`);
    const orderFrom = compileOrderFrom(this.#scope, item, options.orderFrom, fail);
    const window = compileWindow(this.#scope, 'group', options, fail);
    return {
      kind: 'group',
      by,
      item: merge,
      order,
      ...(orderFrom === undefined ? {} : { orderFrom }),
      ...(window === undefined ? {} : { window }),
    };
  }

  #map(inside: Inside, field: FieldShape, options: { values?: MergeOptions }): MergeSpec {
    const entry = field.message!;
    const value = entry.fields.find(({ number }) => number === 2)!;
    // Errors on the values name the map and its line: nobody wrote the entry.
    const about: MessageShape = { name: `${inside.shape.name}.${field.name}`, fields: entry.fields };
    const here: Inside = { shape: about, path: inside.path, level: 'item', keys: [] };
    const at = withPlace(value, field);
    let spec: MergeSpec;
    if (value.typeName === coverageMessage)
      return this.#fail(inside.shape, field, `has values of ${coverageMessage}, which do not merge.`);
    if (value.type === 'group')
      return this.#fail(inside.shape, field, 'has delimited values, which do not merge.');
    if (options.values !== undefined) spec = this.#annotated(here, at, options.values, true);
    else if (value.type === 'message') spec = this.#nested(here, at, []);
    else {
      return this.#fail(
        inside.shape,
        field,
        `map needs "values", the merge of its ${value.type} values, such as { values: { ${scalarMerge(value)}: {} } }.`,
      );
    }
    return { kind: 'map', values: { field: value, spec, free: this.#free(spec, value), internal: false } };
  }

  #align(inside: Inside, field: FieldShape, by: string): MergeSpec {
    const fail = (message: string): MergeSpec => this.#fail(inside.shape, field, message);
    const { key, method } = this.#scope;
    if (key === undefined) return fail(`align is for SPLIT methods, and ${method} is none.`);
    if (inside.level === 'item')
      return fail('align can stand in the response only, not within a group or map.');
    if (by === '') return { kind: 'align' };
    if (field.type !== 'message')
      return fail(`align takes "by" for messages only, and this is ${describe(field)}.`);
    const path = resolvePath(by, field.message!);
    if (typeof path === 'string') return fail(`align's "by" ${path}`);
    const last = lastField(path);
    const asked = lastField(key.path);
    const fits =
      !last.repeated &&
      (key.hashAs === 'int64' ? isInteger(last) : last.type === 'string' || last.type === 'bytes');
    if (!fits) {
      const needs = key.hashAs === 'int64' ? 'a singular integer' : 'a singular string or bytes';
      return fail(
        `align's "by" names "${by}", which is ${describe(last)}: expected ${needs}, like the key "${key.path.text}" (${asked.type}) of ${method}.`,
      );
    }
    return { kind: 'align', by: path };
  }

  #custom(
    inside: Inside,
    field: FieldShape,
    { name, options }: { name: string; options: string },
  ): MergeSpec {
    const { known } = this.#scope.custom;
    if (name === '')
      return this.#fail(inside.shape, field, 'custom needs "name", the registered name of a reducer.');
    if (known !== undefined && !known.has(name)) {
      const full = `${inside.shape.name}.${field.name}`;
      const names = [...known];
      const hint =
        didYouMean(name, names) ||
        (names.length === 0 ? ' None is registered.' : ` There are ${names.join(', ')}.`);
      this.#scope.problems.add(
        'REDUCER_UNKNOWN',
        field.place,
        full,
        `${full}: no reducer is registered as "${name}".${hint}`,
      );
    }
    return { kind: 'custom', name, options };
  }
}

/** A map's value stands where its map does. */
function withPlace(value: FieldShape, map: FieldShape): FieldShape {
  return { ...value, place: map.place };
}
