import type { FieldPath, MergeSpec, SortKey } from './plan.ts';

const names = (paths: readonly FieldPath[]): string => paths.map(({ text }) => text).join(', ');

export const orderText = (keys: readonly SortKey[]): string =>
  keys.map(({ path, descending }) => `${path.text}${descending ? ' desc' : ''}`).join(', ');

/** A merge in a few words for people, without what is nested in it: "top by score desc, id". */
export function mergeText(spec: MergeSpec): string {
  switch (spec.kind) {
    case 'avg':
      return `avg: ${spec.sum.name} / ${spec.count.name}`;
    case 'union':
      return spec.by.length === 0 ? 'union' : `union by ${names(spec.by)}`;
    case 'top':
      return `top by ${orderText(spec.by)}`;
    case 'group': {
      const order = spec.order.length === 0 ? '' : `, ordered by ${orderText(spec.order)}`;
      return `group by ${names(spec.by)}${order}`;
    }
    case 'key':
      return 'key of the group';
    case 'map':
      return `map, values: ${mergeText(spec.values.spec)}`;
    case 'align':
      return spec.by === undefined ? 'align' : `align by ${spec.by.text}`;
    case 'custom':
      return `custom ${spec.name}${spec.options === '' ? '' : ` (${spec.options})`}`;
    case 'message':
      return 'field by field';
    case 'coverage':
      return 'filled in by the root';
    default:
      return spec.kind;
  }
}
