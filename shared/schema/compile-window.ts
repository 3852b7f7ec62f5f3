/** The fields of a request that a top or group takes its limit, offset and order from. */
import type { TopOptions } from './annotations.ts';
import type { MergeScope } from './merge-scope.ts';
import { describe, isInteger, lastField, resolvePath } from './paths.ts';
import type { FieldPath, FieldShape, MessageShape, WindowSpec } from './plan.ts';

/** Says what is wrong with the merge's field. */
export type Fail = (message: string) => void;

/** The index in `scope.orders` of the order that requests may give instead; undefined without `order_from`, or after a failure. */
export function compileOrderFrom(
  scope: MergeScope,
  item: MessageShape,
  name: string,
  fail: Fail,
): number | undefined {
  if (name === '') return undefined;
  const isString = (field: FieldShape): boolean => field.type === 'string';
  const from = requestField(scope, 'group', 'order_from', name, 'a singular string', isString, fail);
  return from === undefined ? undefined : scope.orders.push({ from, item }) - 1;
}

/** The index in `scope.windows` of the limit and offset; undefined without a limit, or after a failure. */
export function compileWindow(
  scope: MergeScope,
  kind: 'top' | 'group',
  options: TopOptions,
  fail: Fail,
): number | undefined {
  if (options.limit === '') {
    if (options.offset !== '') fail(`${kind} has "offset" without "limit".`);
    if (options.defaultLimit !== 0) fail(`${kind} has "default_limit" without "limit".`);
    if (options.maxWindow !== 0) fail(`${kind} has "max_window" without "limit".`);
    return undefined;
  }
  const integer = (option: 'limit' | 'offset', name: string): FieldPath | undefined =>
    requestField(scope, kind, option, name, 'a singular integer', isInteger, fail);
  const limit = integer('limit', options.limit);
  const offset = options.offset === '' ? undefined : integer('offset', options.offset);
  if (limit === undefined) return undefined;
  for (const path of [limit, offset]) {
    const member = path?.fields.find((field) => field.oneof !== undefined);
    if (member === undefined) continue;
    // Writing a limit into it would unset the member that the client set.
    fail(
      `${kind}'s "${path!.text}" goes through the oneof "${member.oneof}", and limits are rewritten for shards: move it out of the oneof.`,
    );
  }
  if (offset?.text === limit.text) fail(`${kind} has "${limit.text}" for both limit and offset.`);
  const maxWindow = options.maxWindow || 10_000;
  const defaultLimit = options.defaultLimit || (kind === 'top' ? 10 : 0);
  if (defaultLimit > maxWindow) {
    const most = options.maxWindow === 0 ? `${maxWindow} (the default)` : String(maxWindow);
    fail(`${kind} has default_limit ${defaultLimit}, above its max_window ${most}.`);
  }
  const window: WindowSpec = {
    limit,
    defaultLimit,
    maxWindow,
    shardsGet: kind === 'top' ? 'window' : 'all',
    ...(offset === undefined ? {} : { offset }),
  };
  return scope.windows.push(window) - 1;
}

function requestField(
  scope: MergeScope,
  kind: string,
  option: string,
  name: string,
  needs: string,
  fits: (last: FieldShape) => boolean,
  fail: Fail,
): FieldPath | undefined {
  const path = resolvePath(name, scope.request);
  const where = `(request of ${scope.method})`;
  if (typeof path === 'string') {
    fail(`${kind}'s "${option}" ${path} ${where}`);
    return undefined;
  }
  const last = lastField(path);
  if (!last.repeated && fits(last)) return path;
  fail(`${kind}'s "${option}" names "${name}", which is ${describe(last)}: expected ${needs} ${where}.`);
  return undefined;
}
