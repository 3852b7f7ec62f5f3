/** What a plan says of itself in a link's Hello, and whether two such plans can work together. */
import type {
  FieldMerge,
  FieldPath,
  FieldShape,
  MergeSpec,
  MessageMerge,
  MessageShape,
  ServicePlan,
} from './plan.ts';

/** regather.v1.PlanField */
export interface PlanField {
  readonly message: string;
  readonly number: number;
  readonly type: string;
  readonly cardinality: string;
  readonly merge: string;
}

/** Every field that the service's requests and responses reach, by message and number. */
export function helloFields(plan: ServicePlan): PlanField[] {
  const collector = new Collector();
  // Merges first: a field that merges in one place and is copied in another is told with its merge.
  for (const method of plan.methods) if (method.merge !== undefined) collector.merge(method.merge);
  for (const { request, windows } of plan.methods) {
    for (const { limit, offset, shardsGet } of windows) {
      // Workers cut a top by the limit that they find in the leaf request.
      if (shardsGet !== 'window') continue;
      collector.role(request, limit, 'limit');
      if (offset !== undefined) collector.role(request, offset, 'offset');
    }
  }
  for (const { request, response, leaf } of plan.methods) {
    for (const shape of [request, response, leaf.response]) collector.message(shape);
  }
  const fields = [...collector.fields.values()];
  return fields.sort((a, b) =>
    a.message < b.message ? -1 : a.message > b.message ? 1 : a.number - b.number,
  );
}

/** The first (message, number) known to both that differs, in words; fields known to one of them are no conflict. */
export function planConflict(ours: readonly PlanField[], theirs: readonly PlanField[]): string | undefined {
  const known = new Map(ours.map((field) => [`${field.message} ${field.number}`, field]));
  for (const other of theirs) {
    const field = known.get(`${other.message} ${other.number}`);
    if (field === undefined) continue;
    for (const key of ['type', 'cardinality', 'merge'] as const) {
      if (field[key] === other[key]) continue;
      const [here, there] = [field[key], other[key]].map((text) => (text === '' ? 'none' : `"${text}"`));
      return `field ${field.number} of ${field.message} has ${key} ${here} here and ${there} there`;
    }
  }
  return undefined;
}

class Collector {
  readonly fields = new Map<string, PlanField>();
  readonly #copied = new Set<string>();
  readonly #merged = new Set<string>();

  #add(message: string, field: FieldShape, merge: string): void {
    const key = `${message} ${field.number}`;
    const before = this.fields.get(key);
    if (before !== undefined && (merge === '' || before.merge !== '')) return;
    this.fields.set(key, {
      message,
      number: field.number,
      type: typeText(field),
      cardinality: cardinality(field),
      merge,
    });
  }

  merge({ shape, fields }: MessageMerge): void {
    if (this.#merged.has(shape.name)) return;
    this.#merged.add(shape.name);
    for (const { field, spec } of fields) {
      this.#add(shape.name, field, mergeText(spec));
      this.#inside(spec);
    }
  }

  role(request: MessageShape, path: FieldPath, role: string): void {
    const last = path.fields.length - 1;
    const inside = last === 0 ? request : path.fields[last - 1]!.message!;
    this.#add(inside.name, path.fields[last]!, role);
  }

  #inside(spec: MergeSpec): void {
    if (spec.kind === 'message') this.merge(spec.merge);
    else if (spec.kind === 'group') this.merge(spec.item);
    else if (spec.kind === 'map') this.#inside(spec.values.spec);
  }

  message(shape: MessageShape): void {
    if (this.#copied.has(shape.name)) return;
    this.#copied.add(shape.name);
    for (const field of shape.fields) {
      this.#add(shape.name, field, '');
      if (field.message !== undefined) this.message(field.message);
    }
  }
}

function typeText(field: FieldShape): string {
  if (field.isMap) {
    const [key, value] = field.message!.fields;
    return `map ${typeText(key!)} ${typeText(value!)}`;
  }
  return field.typeName === undefined ? field.type : `${field.type} ${field.typeName}`;
}

function cardinality(field: FieldShape): string {
  if (field.isMap) return 'map';
  if (field.repeated) return 'repeated';
  return field.presence === 'explicit' ? 'optional' : 'implicit';
}

/** Fields by number, so that renaming one, which changes no byte, doesn't keep two ends apart. */
const numbers = (path: FieldPath): string => path.fields.map(({ number }) => number).join('.');
const list = (paths: readonly FieldPath[]): string => paths.map(numbers).join(',');

/**
 * What two ends must agree on to merge each other's partials. Left out is what the outermost root alone applies: a group's
 * order and limits, a top's default and largest limit.
 */
function mergeText(spec: MergeSpec): string {
  switch (spec.kind) {
    case 'key':
    case 'message':
    case 'coverage':
      return '';
    case 'avg':
      return `avg sum=${spec.sum.number} count=${spec.count.number}`;
    case 'union':
      return spec.by.length === 0 ? 'union' : `union by=${list(spec.by)}`;
    case 'top':
      return `top by=${spec.by.map((key) => `${numbers(key.path)}${key.descending ? ' desc' : ''}`).join(',')}`;
    case 'group':
      return `group by=${list(spec.by)}`;
    case 'map':
      return `map values=(${valueText(spec.values)})`;
    case 'align':
      return spec.by === undefined ? 'align' : `align by=${numbers(spec.by)}`;
    case 'custom':
      return `custom ${spec.name}${spec.options === '' ? '' : ` ${spec.options}`}`;
    default:
      return spec.kind;
  }
}

const valueText = ({ spec }: FieldMerge): string => mergeText(spec);
