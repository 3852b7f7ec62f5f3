/** Plans put together by hand, for rules that a .proto needn't spell out. */

import type { MergeContext } from '../../shared/merge/merger.ts';
import type {
  FieldMerge,
  FieldPath,
  FieldShape,
  FieldType,
  MergeSpec,
  MessageMerge,
  MessageShape,
  MethodPlan,
  SortKey,
  WindowSpec,
} from '../../shared/schema/plan.ts';

const place = { file: 'test.proto' };

export function field(
  number: number,
  name: string,
  type: FieldType,
  more: Partial<FieldShape> = {},
): FieldShape {
  const repeated = more.repeated ?? false;
  const isLength = type === 'string' || type === 'bytes' || type === 'message' || type === 'group';
  return {
    number,
    name,
    type,
    repeated,
    packed: repeated && !isLength,
    presence: type === 'message' || type === 'group' ? 'explicit' : 'implicit',
    isMap: false,
    place,
    ...more,
  };
}

export function shape(name: string, ...fields: FieldShape[]): MessageShape {
  return { name, fields };
}

export function path(of: MessageShape, text: string): FieldPath {
  let at: MessageShape | undefined = of;
  const fields = text.split('.').map((name) => {
    const found: FieldShape = at!.fields.find((each) => each.name === name)!;
    at = found.message;
    return found;
  });
  return { text, fields };
}

/** "score desc, id" */
export function order(of: MessageShape, text: string): SortKey[] {
  return text.split(',').map((key) => {
    const [name, direction] = key.trim().split(' ');
    return { path: path(of, name!), descending: direction === 'desc' };
  });
}

export function merge(of: FieldShape, spec: MergeSpec, free: boolean, internal = false): FieldMerge {
  return { field: of, spec, free, internal };
}

export function message(name: string, ...fields: FieldMerge[]): MessageMerge {
  return { shape: shape(name, ...fields.map((each) => each.field)), fields };
}

export function method(of: MessageMerge, windows: readonly WindowSpec[] = []): MethodPlan {
  return {
    name: 'Get',
    path: '/test.Service/Get',
    kind: 'unary',
    scatter: { to: 'ALL' },
    idempotent: true,
    timeoutMs: 1000,
    minCoverage: 1,
    minCoverageFloor: 1,
    maxAnswerBytes: 4194304,
    request: shape('Request'),
    response: of.shape,
    leaf: { name: 'Get', path: '/test.Service/Get', response: of.shape },
    merge: of,
    windows,
    orders: [],
    place,
  };
}

export const finish: MergeContext = { windows: [], orders: [], final: true };
export const partial: MergeContext = { windows: [], orders: [], final: false };

export function window(offset: number, limit: number, final = true): MergeContext {
  return { windows: [{ offset, limit }], orders: [], final };
}
