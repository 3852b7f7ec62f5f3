import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { RegatherError } from '../../shared/errors/errors.ts';
import { leafContext } from '../../shared/merge/context.ts';
import { compilePlan } from '../../shared/schema/compile.ts';
import { loadDescriptors } from '../../shared/schema/descriptors.ts';
import { decode, encode, hex, methodOf, plan } from './plans.ts';

const all = Number.POSITIVE_INFINITY;

interface Case {
  readonly what: string;
  readonly method: string;
  readonly request: object;
  readonly windows: readonly { offset: number; limit: number }[];
  /** What shards get, decoded; absent: the same buffer. */
  readonly leaf?: object;
}

const cases: readonly Case[] = [
  {
    what: 'top asks shards for offset + limit from 0',
    method: 'Top',
    request: { text: 'a', limit: 20, offset: 30 },
    windows: [{ offset: 30, limit: 20 }],
    leaf: { text: 'a', limit: 50, offset: 0 },
  },
  {
    what: 'top without an offset needs no rewriting',
    method: 'Top',
    request: { text: 'a', limit: 20 },
    windows: [{ offset: 0, limit: 20 }],
  },
  {
    what: 'an absent limit of top is the default, said to shards',
    method: 'Top',
    request: { text: 'a' },
    windows: [{ offset: 0, limit: 10 }],
    leaf: { text: 'a', limit: 10 },
  },
  {
    what: 'a declared default and a window as large as it may be',
    method: 'WideTop',
    request: { wide_offset: 97 },
    windows: [{ offset: 97, limit: 3 }],
    leaf: { wide_limit: '100', wide_offset: '0' },
  },
  {
    what: 'a nested limit is rewritten in its message',
    method: 'PagedTop',
    request: { text: 'a', page: { limit: 5, offset: 6, cursor: 'c' } },
    windows: [{ offset: 6, limit: 5 }],
    leaf: { text: 'a', page: { limit: 11, offset: 0, cursor: 'c' } },
  },
  {
    what: 'a nested limit is put into a message that is absent',
    method: 'PagedTop',
    request: { text: 'a' },
    windows: [{ offset: 0, limit: 10 }],
    leaf: { text: 'a', page: { limit: 10 } },
  },
  {
    what: 'group asks shards for all groups',
    method: 'Group',
    request: { text: 'a', limit: 5, offset: 2 },
    windows: [{ offset: 2, limit: 5 }],
    leaf: { text: 'a' },
  },
  {
    what: 'group without limit and offset needs no rewriting, and means all',
    method: 'Group',
    request: { text: 'a' },
    windows: [{ offset: 0, limit: all }],
  },
  {
    what: 'a nested limit of group is removed, and its optional offset of 0 too',
    method: 'PagedGroup',
    request: { page: { limit: 5, token: 0, cursor: 'c' } },
    windows: [{ offset: 0, limit: 5 }],
    leaf: { page: { cursor: 'c' } },
  },
  {
    what: "group's own default",
    method: 'PagedGroup',
    request: { text: 'a' },
    windows: [{ offset: 0, limit: 20 }],
  },
  {
    what: 'a limit shared by two tops takes the larger',
    method: 'TwoTops',
    request: { limit: 5, offset: 1, offset2: 7 },
    windows: [
      { offset: 1, limit: 5 },
      { offset: 7, limit: 5 },
    ],
    leaf: { limit: 12, offset: 0, offset2: 0 },
  },
  {
    what: 'two tops with defaults of their own',
    method: 'TwoTops',
    request: {},
    windows: [
      { offset: 0, limit: 10 },
      { offset: 0, limit: 50 },
    ],
    leaf: { limit: 50 },
  },
  {
    what: 'a limit shared with a group is removed, since all is larger than any',
    method: 'TopAndGroup',
    request: { limit: 5, offset: 3 },
    windows: [
      { offset: 3, limit: 5 },
      { offset: 0, limit: 5 },
    ],
    leaf: { offset: 0 },
  },
];

for (const { what, method, request, windows, leaf } of cases) {
  test(what, (t) => {
    const bytes = encode(request);
    const before = Buffer.from(bytes);
    const { context, payload, tasks } = plan(method, bytes);
    t.deepEqual(context.windows, windows);
    t.true(context.final);
    t.is(tasks.length, 8);
    t.deepEqual(bytes, before, 'the request was changed in place');
    if (leaf === undefined) t.is(payload, bytes);
    else {
      t.not(payload, bytes);
      t.deepEqual(stripZeros(decode(payload)), stripZeros(decode(encode(leaf))));
    }
  });
}

/** 0 in a field without presence is the same as nothing. */
function stripZeros(request: Record<string, unknown>): Record<string, unknown> {
  const kept = Object.entries(request).filter(([, value]) => value !== 0 && value !== '0');
  return Object.fromEntries(
    kept.map(([name, value]) => [
      name,
      name === 'page' ? stripZeros({ ...(value as Record<string, unknown>) }) : value,
    ]),
  );
}

test('the last limit on the wire counts, in a message that is split too', (t) => {
  // limit 1, limit 20; offset 3.
  t.deepEqual(plan('Top', hex('1001 1014 1803')).context.windows, [{ offset: 3, limit: 20 }]);
  // page {limit: 1, cursor: "a"}, page {limit: 4}, page {offset: 2}: protobuf merges them, protobufjs would take the last.
  const { context, payload } = plan('PagedTop', hex('2205 0801 1a0161 2202 0804 2202 1002'));
  t.deepEqual(context.windows, [{ offset: 2, limit: 4 }]);
  t.deepEqual({ ...(decode(payload).page as object) }, { cursor: 'a', limit: 6, offset: 0 });
});

const refused: readonly [what: string, method: string, request: object, message: string][] = [
  [
    'offset + limit above the window',
    'Top',
    { limit: 10, offset: 9991 },
    'Expected "offset" + "limit" of plans.v1.Request to be 10000 at most, got 9991 + 10',
  ],
  [
    'an offset that leaves no room for the default limit',
    'Top',
    { offset: 9991 },
    'Expected "offset" + "limit" of plans.v1.Request to be 10000 at most, got 9991 + 10 (the default)',
  ],
  [
    'a limit alone above the window',
    'TopAndGroup',
    { limit: 10_001 },
    'Expected "offset" + "limit" of plans.v1.Request to be 10000 at most, got 0 + 10001',
  ],
  [
    'a negative limit',
    'WideTop',
    { wide_limit: -1 },
    'Expected "wide_offset" + "wide_limit" of plans.v1.Request to be 0 or more each, and 100 at most, got 0 + -1',
  ],
  [
    'a negative offset',
    'WideTop',
    { wide_offset: -5, wide_limit: 4 },
    'Expected "wide_offset" + "wide_limit" of plans.v1.Request to be 0 or more each, and 100 at most, got -5 + 4',
  ],
  [
    'a negative offset of a group that wants all',
    'PagedGroup',
    { page: { token: -1 } },
    'Expected "page.token" + "page.limit" of plans.v1.Request to be 0 or more each, and 10000 at most, got -1 + 20 (the default)',
  ],
  [
    'a nested limit of 2^32 - 1',
    'PagedTop',
    { page: { limit: 4_294_967_295 } },
    'Expected "page.offset" + "page.limit" of plans.v1.Request to be 10000 at most, got 0 + 4294967295',
  ],
];

for (const [what, method, request, message] of refused) {
  test(`${what} is REQUEST_WINDOW`, (t) => {
    const error = t.throws(() => plan(method, encode(request)), { instanceOf: RegatherError, message });
    t.is(error?.code, 'REQUEST_WINDOW');
    t.is(error?.grpc, 3);
  });
}

test('a leaf takes limits as they come; none or 0 means all, and nothing is rewritten', (t) => {
  const request = encode({ limit: 50_000, offset: 3 });
  const { context, payload } = plan('Top', request, true);
  t.false(context.final);
  t.is(payload, request);
  t.deepEqual(context.windows, [{ offset: 3, limit: 50_000 }]);
  t.deepEqual(leafContext(methodOf('Top'), encode({})).windows, [{ offset: 0, limit: all }]);
  t.deepEqual(leafContext(methodOf('Top'), hex('1000')).windows, [{ offset: 0, limit: all }]);
});

test('what the outermost root makes of a request is what a leaf reads from it', (t) => {
  const { payload } = plan('TwoTops', encode({ limit: 5, offset: 1, offset2: 7 }));
  t.deepEqual(leafContext(methodOf('TwoTops'), payload).windows, [
    { offset: 0, limit: 12 },
    { offset: 0, limit: 12 },
  ]);
});

test('a leaf context of bytes that are no request is REQUEST_MALFORMED', (t) => {
  const error = t.throws(() => leafContext(methodOf('Top'), hex('10')), { instanceOf: RegatherError });
  t.is(error?.code, 'REQUEST_MALFORMED');
});

test('methods without windows and orders share one context', (t) => {
  t.is(plan('All', encode({})).context, plan('All', encode({ text: 'b' })).context);
  t.is(leafContext(methodOf('All'), hex('ff')), leafContext(methodOf('ById'), hex('ff')));
});

test('an order that the request asks for replaces the declared one; none leaves it', (t) => {
  const { context } = plan('Group', encode({ order: 'origin, count desc' }));
  t.deepEqual(
    context.orders[0]?.map(({ path, descending }) => [path.text, descending]),
    [
      ['origin', false],
      ['count', true],
    ],
  );
  t.is(
    plan('Group', encode({ order: 'origin, count desc' })).context.orders[0],
    context.orders[0],
    'parsed again',
  );
  t.deepEqual(plan('Group', encode({})).context.orders, [undefined]);
  t.deepEqual(plan('Group', encode({ order: 'nonsense' }), true).context.orders, [undefined]);
});

test('more orders than are kept are still right', (t) => {
  for (let i = 0; i < 200; i++) {
    const { context } = plan(
      'Group',
      encode({ order: `${' '.repeat(i)}count${i % 2 === 0 ? ' desc' : ''}` }),
    );
    t.is(context.orders[0]?.[0]?.descending, i % 2 === 0);
  }
});

test('an order that names no field is REQUEST_ORDER with the choices', (t) => {
  const error = t.throws(() => plan('Group', encode({ order: 'delay desc' })), { instanceOf: RegatherError });
  t.is(error?.code, 'REQUEST_ORDER');
  t.is(error?.field, 'order');
  t.regex(
    error?.message ?? '',
    /^Expected "order" of plans\.v1\.Request to be an order of origin, count \(each with asc or desc\), got "delay desc": /,
  );
});

test('a limit within a oneof is refused at start-up, because writing it would unset what the client set', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'regather-window-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const proto = join(folder, 'oneof.proto');
  await writeFile(
    proto,
    `syntax = "proto3";
package one;
import "regather/v1/annotations.proto";
service S { rpc Top(Request) returns (Hits) { option (regather.v1.scatter) = { to: ALL }; } }
message Request { oneof page { uint32 limit = 1; string cursor = 2; } }
message Hit { string id = 1; }
message Hits {
  repeated Hit hits = 1 [(regather.v1.merge).top = { by: "id" limit: "limit" }];
}
`,
  );
  const error = t.throws(() => compilePlan(loadDescriptors({ proto }), undefined), {
    instanceOf: RegatherError,
  });
  t.is(error?.code, 'PLAN_INVALID');
  t.is(error?.line, 8);
  t.regex(error?.message ?? '', /"limit" goes through the oneof "page"/);
});
