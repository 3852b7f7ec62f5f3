/** Shapes and methods written down in a line, for tests of what a plan does with bytes. */
import type {
  FieldPath,
  FieldShape,
  FieldType,
  KeySpec,
  MessageShape,
  MethodPlan,
  OrderSpec,
  ScatterSpec,
  WindowSpec,
} from '../../shared/schema/plan.ts';

const place = { file: 'test.proto', line: 1 };

export interface FieldOptions {
  readonly repeated?: boolean;
  readonly packed?: boolean;
  readonly optional?: boolean;
  readonly oneof?: string;
  readonly message?: () => MessageShape;
}

export function field(name: string, number: number, type: FieldType, options: FieldOptions = {}): FieldShape {
  const explicit =
    options.optional === true || options.oneof !== undefined || type === 'message' || type === 'group';
  const shape: FieldShape = {
    name,
    number,
    type,
    repeated: options.repeated ?? false,
    packed: options.packed ?? false,
    presence: explicit ? 'explicit' : 'implicit',
    ...(options.oneof === undefined ? {} : { oneof: options.oneof }),
    ...(options.message === undefined ? {} : { typeName: 'test.Inner' }),
    isMap: false,
    place,
  };
  // A getter, as in compiled plans: messages may contain themselves.
  if (options.message !== undefined) Object.defineProperty(shape, 'message', { get: options.message });
  return shape;
}

export function message(name: string, ...fields: FieldShape[]): MessageShape {
  return { name, fields };
}

/** The path `text` ("filter.id") from `shape`. */
export function path(shape: MessageShape, text: string): FieldPath {
  const fields: FieldShape[] = [];
  let inside = shape;
  for (const name of text.split('.')) {
    const found = inside.fields.find((f) => f.name === name);
    if (found === undefined) throw new Error(`${inside.name} has no ${name}`);
    fields.push(found);
    if (found.type === 'message') inside = found.message!;
  }
  return { text, fields };
}

export function window(
  shape: MessageShape,
  limit: string,
  offset: string | undefined,
  options: { defaultLimit?: number; maxWindow?: number; shardsGet?: 'window' | 'all' } = {},
): WindowSpec {
  return {
    limit: path(shape, limit),
    ...(offset === undefined ? {} : { offset: path(shape, offset) }),
    defaultLimit: options.defaultLimit ?? (options.shardsGet === 'all' ? 0 : 10),
    maxWindow: options.maxWindow ?? 10_000,
    shardsGet: options.shardsGet ?? 'window',
  };
}

export function keySpec(shape: MessageShape, text: string): KeySpec {
  const keyPath = path(shape, text);
  const { type } = keyPath.fields.at(-1)!;
  return { path: keyPath, hashAs: type === 'string' || type === 'bytes' ? 'bytes' : 'int64' };
}

export function method(
  request: MessageShape,
  scatter: ScatterSpec,
  options: { windows?: readonly WindowSpec[]; orders?: readonly OrderSpec[] } = {},
): MethodPlan {
  const response = message('test.Response');
  return {
    name: 'Call',
    path: '/test.Service/Call',
    kind: 'unary',
    scatter,
    idempotent: true,
    timeoutMs: 1000,
    minCoverage: 1,
    minCoverageFloor: 1,
    maxAnswerBytes: 4_194_304,
    request,
    response,
    leaf: { name: 'Call', path: '/test.Service/Call', response },
    windows: options.windows ?? [],
    orders: options.orders ?? [],
    place,
  };
}
