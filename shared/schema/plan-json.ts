import { orderText } from './merge-text.ts';
import { describe } from './paths.ts';
import type { FieldMerge, FieldPath, MergeSpec, MessageMerge, MethodPlan, ServicePlan } from './plan.ts';

/** The plan as plain JSON: what `regather check --json` prints. Fields are told by path, as in the .proto. */
export function planJson(plan: ServicePlan): object {
  return { service: plan.name, methods: plan.methods.map(methodJson) };
}

function methodJson(method: MethodPlan): object {
  const { scatter } = method;
  return {
    name: method.name,
    path: method.path,
    kind: method.kind,
    scatter:
      'key' in scatter ? { to: scatter.to, key: scatter.key.path.text, hashAs: scatter.key.hashAs } : scatter,
    idempotent: method.idempotent,
    timeoutMs: method.timeoutMs,
    maxTimeoutMs: method.maxTimeoutMs,
    minCoverage: method.minCoverage,
    minCoverageFloor: method.minCoverageFloor,
    quorum: method.quorum,
    maxAnswerBytes: method.maxAnswerBytes,
    request: method.request.name,
    response: method.response.name,
    leaf: { name: method.leaf.name, response: method.leaf.response.name },
    coverageField: method.coverageField?.name,
    windows: method.windows.map((window) => ({
      ...window,
      limit: window.limit.text,
      offset: window.offset?.text,
    })),
    orders: method.orders.map(({ from, item }) => ({ from: from.text, item: item.name })),
    merge: method.merge === undefined ? undefined : messageJson(method.merge),
    place: method.place,
  };
}

const messageJson = ({ shape, fields }: MessageMerge): object => ({
  message: shape.name,
  fields: fields.map(fieldJson),
});

function fieldJson({ field, spec, free, internal }: FieldMerge): object {
  const type = describe(field).replace(/^an? /, '');
  return {
    name: field.name,
    number: field.number,
    type,
    oneof: field.oneof,
    free,
    internal,
    merge: specJson(spec),
    place: field.place,
  };
}

const texts = (paths: readonly FieldPath[]): string[] => paths.map(({ text }) => text);

function specJson(spec: MergeSpec): object {
  switch (spec.kind) {
    case 'avg':
      return { kind: spec.kind, sum: spec.sum.name, count: spec.count.name };
    case 'union':
      return { kind: spec.kind, by: texts(spec.by) };
    case 'top':
      return { kind: spec.kind, by: orderText(spec.by), window: spec.window };
    case 'group':
      return {
        kind: spec.kind,
        by: texts(spec.by),
        order: orderText(spec.order),
        orderFrom: spec.orderFrom,
        window: spec.window,
        item: messageJson(spec.item),
      };
    case 'map':
      return { kind: spec.kind, values: fieldJson(spec.values) };
    case 'align':
      return { kind: spec.kind, by: spec.by?.text };
    case 'message':
      return { kind: spec.kind, ...messageJson(spec.merge) };
    default:
      return spec;
  }
}
