import test from 'ava';
import { compilePlan } from '../../shared/schema/compile.ts';
import { formatPlan } from '../../shared/schema/format.ts';
import { parseOrder } from '../../shared/schema/paths.ts';
import type { FieldMerge, MethodPlan } from '../../shared/schema/plan.ts';
import { planJson } from '../../shared/schema/plan-json.ts';
import { compileText, errorOf } from './compile-text.ts';

const text = `syntax = "proto3";
package a.v1;
import "regather/v1/annotations.proto";
import "regather/v1/coverage.proto";

message Page { int64 limit = 1; int32 offset = 2; }
message Query { Page page = 1; string order = 2; repeated bytes ids = 3; int64 key = 4; uint32 limit = 5; }

message Item { string id = 1; double score = 2; Place place = 3; }
message Place { string city = 1; }
message Bucket {
  Place place = 1;
  string kind = 2;
  int64 count = 3 [(regather.v1.merge).sum = {}];
  double weight = 4 [(regather.v1.merge).sum = {}];
  double mean = 5 [(regather.v1.merge).avg = { sum: "weight" count: "count" }];
}
message Free { int64 n = 1 [(regather.v1.merge).sum = {}]; optional string last = 2 [(regather.v1.merge).max = {}]; }
message Ordered { int64 n = 1 [(regather.v1.merge).sum = {}]; double x = 2 [(regather.v1.merge).sum = {}]; }
message Either { oneof either { int64 n = 1 [(regather.v1.merge).sum = {}]; Free free = 2; } }

message Response {
  int64 total = 1 [(regather.v1.merge).sum = {}];
  float weight = 2 [(regather.v1.merge).sum = {}];
  optional int32 least = 3 [(regather.v1.merge).min = {}];
  optional string first = 4 [(regather.v1.merge).first = {}];
  optional string same = 5 [(regather.v1.merge).same = {}];
  bool any = 6 [(regather.v1.merge).any = {}];
  repeated string log = 7 [(regather.v1.merge).concat = {}];
  repeated string tags = 8 [(regather.v1.merge).union = {}];
  repeated Item items = 9 [(regather.v1.merge).union = { by: "id, place.city" }];
  repeated Item best = 10 [(regather.v1.merge).top = { by: "score desc, place.city asc" limit: "page.limit" offset: "page.offset" max_window: 500 }];
  repeated Bucket buckets = 11 [(regather.v1.merge).group = { by: "place.city, kind" order: "mean desc" order_from: "order" limit: "limit" default_limit: 7 }];
  map<string, int64> counts = 12 [(regather.v1.merge).map = { values: { sum: {} } }];
  map<string, double> weights = 13 [(regather.v1.merge).map.values.sum = {}];
  map<int32, Free> frees = 14 [(regather.v1.merge).map = {}];
  regather.v1.Coverage coverage = 15;
  Free free = 16;
  Ordered ordered = 17;
  Either either = 18;
  bytes sketch = 19 [(regather.v1.merge).custom = { name: "hll" options: "14" }];
  bytes other = 20 [(regather.v1.merge).custom = { name: "other" }];
  optional Item sample = 21 [(regather.v1.merge).first = {}];
  map<string, string> names = 22 [(regather.v1.merge).map = { values: { first: {} } }];
  repeated Item all = 23 [(regather.v1.merge).top = { by: "id" }];
}

message Partial { int64 total = 1 [(regather.v1.merge).sum = {}]; int64 n = 2 [(regather.v1.merge).sum = {}]; double mean = 3 [(regather.v1.merge).avg = { sum: "total" count: "n" }]; }
message Answer { double mean = 3; regather.v1.Coverage coverage = 4; }
message Items { repeated Item items = 1 [(regather.v1.merge).align = {}]; }

service Search {
  rpc All(Query) returns (Response) {
    option idempotency_level = IDEMPOTENT;
    option (regather.v1.scatter) = { to: ALL timeout_ms: 200 max_timeout_ms: 300 min_coverage: 0.9 max_answer_bytes: 1024 };
  }
  rpc Key(Query) returns (Item) { option (regather.v1.scatter) = { to: KEY key: "key" }; }
  rpc Split(Query) returns (Items) { option (regather.v1.scatter) = { to: SPLIT key: "ids" }; }
  rpc Any(Query) returns (Item) { option (regather.v1.scatter).to = ANY; option idempotency_level = NO_SIDE_EFFECTS; }
  rpc None(stream Query) returns (Item) { option (regather.v1.scatter).to = NONE; }
  rpc Mean(Query) returns (Answer) { option (regather.v1.scatter) = { to: ALL leaf: "MeanPart" }; }
  rpc MeanPart(Query) returns (Partial) { option (regather.v1.scatter).to = ALL; }
  rpc Stream(Query) returns (stream Item) { option (regather.v1.scatter) = { to: ALL }; }
}
`;

const plan = compilePlan(compileText(text), 'a.v1.Search', {
  customNames: new Set(['hll', 'other']),
  customFree: new Set(['hll']),
});
const method = (name: string): MethodPlan => plan.methods.find((one) => one.name === name)!;
const all = method('All');
const fields = new Map(all.merge!.fields.map((field) => [field.field.name, field]));
const field = (name: string): FieldMerge => fields.get(name)!;

test('what the annotations say stands in the plan', (t) => {
  t.like(all, {
    path: '/a.v1.Search/All',
    kind: 'unary',
    scatter: { to: 'ALL' },
    idempotent: true,
    timeoutMs: 200,
    maxTimeoutMs: 300,
    minCoverage: 0.9,
    maxAnswerBytes: 1024,
  });
  t.is(all.coverageField?.number, 15);
  t.is(all.place.line, 53);
});

test('what they leave out has its default', (t) => {
  t.like(method('Key'), { idempotent: false, timeoutMs: 1000, minCoverage: 1, maxAnswerBytes: 4_194_304 });
  t.like(method('All'), { minCoverageFloor: 0.9, quorum: undefined });
  t.is(method('Key').maxTimeoutMs, undefined);
  t.is(method('Any').idempotent, true);
});

test('a field is free if its result depends on no order; what contains it as well', (t) => {
  const free = [...fields.values()].filter((one) => one.free).map((one) => one.field.name);
  t.deepEqual(free, [
    'total',
    'least',
    'any',
    'tags',
    'best',
    'counts',
    'frees',
    'coverage',
    'free',
    'sketch',
    'all',
  ]);
  const ordered = [...fields.values()].filter((one) => !one.free).map((one) => one.field.name);
  t.is(free.length + ordered.length, all.response.fields.length);
});

test('members of a oneof are ordered, whatever they merge by', (t) => {
  const { spec } = field('either');
  if (spec.kind !== 'message') return t.fail(spec.kind);
  t.deepEqual(
    spec.merge.fields.map(({ free }) => free),
    [false, false],
  );
  t.is(spec.merge.fields[0]!.field.oneof, 'either');
});

test('windows and orders are listed per method, in the order of the fields', (t) => {
  t.deepEqual(
    all.windows.map(({ limit, offset, ...rest }) => ({ limit: limit.text, offset: offset?.text, ...rest })),
    [
      { limit: 'page.limit', offset: 'page.offset', defaultLimit: 10, maxWindow: 500, shardsGet: 'window' },
      { limit: 'limit', offset: undefined, defaultLimit: 7, maxWindow: 10_000, shardsGet: 'all' },
    ],
  );
  t.deepEqual(
    all.windows[0]!.limit.fields.map(({ number }) => number),
    [1, 1],
  );
  t.is(all.orders.length, 1);
  t.is(all.orders[0]!.item.name, 'a.v1.Bucket');
  t.like(field('best').spec, { kind: 'top', window: 0 });
  t.like(field('buckets').spec, { kind: 'group', window: 1, orderFrom: 0 });
  t.is((field('all').spec as { window?: number }).window, undefined);
});

test('key fields of a group are keys, also within a message', (t) => {
  const { spec } = field('buckets');
  if (spec.kind !== 'group') return t.fail(spec.kind);
  t.deepEqual(
    spec.item.fields.map((one) => one.spec.kind),
    ['message', 'key', 'sum', 'sum', 'avg'],
  );
  const [place] = spec.item.fields;
  if (place!.spec.kind !== 'message') return t.fail(place!.spec.kind);
  t.deepEqual(
    place!.spec.merge.fields.map((one) => one.spec.kind),
    ['key'],
  );
  t.like(spec.item.fields[4]!.spec, { kind: 'avg', sum: { number: 4 }, count: { number: 3 } });
  t.deepEqual(
    spec.order.map(({ path, descending }) => [path.text, descending]),
    [['mean', true]],
  );
});

test('a map value is present whenever its entry is', (t) => {
  const { spec } = field('names');
  if (spec.kind !== 'map') return t.fail(spec.kind);
  t.like(spec.values, { spec: { kind: 'first' }, field: { number: 2, type: 'string' }, free: false });
});

test('a leaf is merged in its own shape; what the answer lacks is internal', (t) => {
  const { leaf, merge, response, coverageField } = method('Mean');
  t.is(leaf.path, '/a.v1.Search/MeanPart');
  t.is(merge!.shape, leaf.response);
  t.is(response.name, 'a.v1.Answer');
  t.is(coverageField?.number, 4);
  t.deepEqual(
    merge!.fields.map(({ field: { name }, internal }) => [name, internal]),
    [
      ['total', true],
      ['n', true],
      ['mean', false],
    ],
  );
});

test('keys say how they hash', (t) => {
  t.like(method('Key').scatter, { to: 'KEY', key: { hashAs: 'int64' } });
  t.like(method('Split').scatter, { to: 'SPLIT', key: { hashAs: 'bytes' } });
});

test('streams and methods that merge nothing have no merge', (t) => {
  for (const name of ['Key', 'Any', 'None', 'Stream']) t.is(method(name).merge, undefined);
  t.is(method('Stream').kind, 'server-streaming');
  t.is(method('None').kind, 'client-streaming');
});

test('shapes know presence, packing and types', (t) => {
  const shape = compilePlan(
    compileText(`syntax = "proto3";
import "regather/v1/annotations.proto";
message M { repeated int32 p = 1; repeated int32 u = 2 [packed = false]; repeated string s = 3; optional int32 o = 4; int32 i = 5; M m = 6; oneof x { int32 a = 7; } map<string, M> k = 8; }
service S { rpc R(M) returns (M) { option (regather.v1.scatter).to = ANY; } }`),
    undefined,
  ).methods[0]!.request;
  t.deepEqual(
    shape.fields.map(({ packed }) => packed),
    [true, false, false, false, false, false, false, false],
  );
  t.deepEqual(
    shape.fields.slice(3).map(({ presence }) => presence),
    ['explicit', 'implicit', 'explicit', 'explicit', 'explicit'],
  );
  t.deepEqual(
    shape.fields.map(({ oneof }) => oneof),
    [undefined, undefined, undefined, undefined, undefined, undefined, 'x', undefined],
  );
  t.is(shape.fields[5]!.message, shape);
  t.true(shape.fields[7]!.isMap);
  t.deepEqual(
    shape.fields[7]!.message!.fields.map(({ name }) => name),
    ['key', 'value'],
  );
});

test('parseOrder reads orders of requests, and refuses what names no field', (t) => {
  const item = all.orders[0]!.item;
  const keys = parseOrder(' count DESC ,kind, place.city asc', item);
  t.deepEqual(
    keys.map(({ path, descending }) => [path.text, descending]),
    [
      ['count', true],
      ['kind', false],
      ['place.city', false],
    ],
  );
  t.deepEqual(
    ['cuont', 'count sideways', '', 'count,,kind', 'place', 'count, count'].map(
      (order) => errorOf(() => parseOrder(order, item)).message,
    ),
    [
      'The order names "cuont", but a.v1.Bucket has no field "cuont". Did you mean "count"?',
      'The order says "count sideways": expected a field with "asc" or "desc", separated by commas.',
      'The order names "", but a.v1.Bucket has no field "".',
      'The order names "", but a.v1.Bucket has no field "".',
      'The order names "place", which is a message a.v1.Place: expected a singular scalar.',
      'The order names "count" twice.',
    ],
  );
  t.is(errorOf(() => parseOrder('x', item)).code, 'REQUEST_ORDER');
});

test('people read the plan, aligned', (t) => {
  const lines = formatPlan(plan).split('\n');
  const from = lines.findIndex((line) => line.startsWith('All '));
  t.deepEqual(
    lines.slice(from, from + 9).map((line) => line.replace(/; .*a\.proto/, '; a.proto')),
    [
      'All  (unary, may be tried again; a.proto:53)',
      '  scatter   ALL: every shard gets the request',
      '  deadline  200 ms if the client gives none, at most 300 ms',
      '  coverage  90 % of documents or shards, or an error; told in "coverage"',
      '  answer    at most 1024 bytes',
      '  limit     "page.limit" after "page.offset" of the request, none: 10, at most 500 in all; shards are asked for offset + limit',
      '  limit     "limit" of the request, none: 7, at most 10000 in all; shards are asked for all',
      '  order     "order" of the request may name fields of a.v1.Bucket',
      '  merge     a.v1.Response',
    ],
  );
  const bucket = lines.slice(lines.findIndex((line) => line.includes('11 buckets')));
  t.deepEqual(
    bucket.slice(0, 3).map((line) => line.replace(/ {2,}/g, '  ').trim()),
    [
      '11 buckets  repeated message a.v1.Bucket  group by place.city, kind, ordered by mean desc  ordered',
      '1 place  message a.v1.Place  field by field  free',
      '1 city  string  key of the group',
    ],
  );
  t.true(lines.every((line) => line === line.trimEnd()));
});

test('how much an answer must have: min_coverage, a floor for requests, a quorum, and how people read it', (t) => {
  const compiled = (options: string) => {
    const { methods } = compilePlan(
      compileText(`syntax = "proto3"; package a.v1; import "regather/v1/annotations.proto"; message Q {}
        message R { int64 n = 1 [(regather.v1.merge).sum = {}]; }
        service S { rpc M(Q) returns (R) { option (regather.v1.scatter) = { to: ALL ${options} }; } }`),
      undefined,
    );
    const { minCoverage, minCoverageFloor, quorum } = methods[0]!;
    const text = formatPlan({ name: 'a.v1.S', methods, descriptorSet: new Uint8Array() });
    const coverage = /coverage +(.*)/.exec(text)?.[1];
    return { least: [minCoverage, minCoverageFloor, quorum], coverage };
  };
  t.deepEqual(compiled(''), { least: [1, 1, undefined], coverage: 'every shard, or an error' });
  t.deepEqual(compiled('min_coverage_floor: 0.55'), {
    least: [1, 0.55, undefined],
    coverage: 'every shard, or an error; a request may ask for 55 %',
  });
  t.deepEqual(compiled('min_coverage: 0.9 quorum: 7 min_coverage_floor: 0.9'), {
    least: [0.9, 0.9, 7],
    coverage: '90 % of documents or shards, or an error; handed over with 7 shards',
  });
  t.deepEqual(compiled('quorum: 1'), {
    least: [0, 0, 1],
    coverage: '1 shard, or an error; no more is waited for',
  });
});

test('the plan as JSON survives JSON', (t) => {
  const json = JSON.parse(JSON.stringify(planJson(plan)));
  t.is(json.service, 'a.v1.Search');
  t.is(json.methods.length, 8);
  t.like(json.methods[0], {
    name: 'All',
    scatter: { to: 'ALL' },
    timeoutMs: 200,
    minCoverage: 0.9,
    coverageField: 'coverage',
  });
  t.deepEqual(json.methods[1].scatter, { to: 'KEY', key: 'key', hashAs: 'int64' });
  t.deepEqual(json.methods[0].merge.fields[9].merge, {
    kind: 'top',
    by: 'score desc, place.city',
    window: 0,
  });
});
