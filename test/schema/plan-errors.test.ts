import test from 'ava';
import { compilePlan } from '../../shared/schema/compile.ts';
import { compileText, errorOf } from './compile-text.ts';

const head = `syntax = "proto3";
package a.v1;
import "regather/v1/annotations.proto";
import "regather/v1/coverage.proto";
`;
const merge = '(regather.v1.merge)';

const itemFields =
  'string id = 1; double score = 2; repeated string tags = 3; Nested nested = 4; bytes raw = 5;';

/** A service with one ALL method whose response has this field, on line 6 of a.proto. */
function response(field: string, more = ''): string {
  return `${head}message R {
  ${field}
}
message Q { uint32 limit = 1; uint32 offset = 2; string order = 3; repeated string ids = 4; Page page = 5; float f = 6; }
message Page { int64 limit = 1; }
message Item { ${itemFields} }
message Nested { int32 n = 1; }
enum E { ZERO = 0; }
${more}
service S { rpc All(Q) returns (R) { option (regather.v1.scatter) = { to: ALL }; } }
`;
}

/** A service with one method, on line 9, that has this scatter; its request is Q. */
function scatter(options: string, types = 'rpc M(Q) returns (R)'): string {
  return `${head}message Q { string id = 1; repeated string ids = 2; uint64 n = 3; bool b = 4; double d = 5; In in = 6; repeated In ins = 7; E e = 8; map<string, string> m = 9; }
message In { bytes key = 1; repeated sint32 keys = 2; }
message R { int64 n = 1 [${merge}.sum = {}]; } enum E { ZERO = 0; }
service S {
  ${types} { option (regather.v1.scatter) = { ${options} }; }
}
`;
}

/** What is wrong with it, the .proto, and the error, whole. */
const cases: readonly (readonly [what: string, text: string, says: string])[] = [
  // Fields without a merge
  [
    'a number without a merge',
    response('int64 n = 1;'),
    'a.proto:6: a.v1.R.n: has no merge. Write, for instance, [(regather.v1.merge).sum = {}].',
  ],
  [
    'a string without a merge',
    response('string n = 1;'),
    'a.proto:6: a.v1.R.n: has no merge. Write, for instance, "optional" before it and [(regather.v1.merge).same = {}] or .first = {}.',
  ],
  [
    'a bool without a merge',
    response('bool n = 1;'),
    'a.proto:6: a.v1.R.n: has no merge. Write [(regather.v1.merge).any = {}] or .all = {}.',
  ],
  [
    'a list without a merge',
    response('repeated string n = 1;'),
    'a.proto:6: a.v1.R.n: has no merge. Write, for instance, [(regather.v1.merge).concat = {}] or .union = {}.',
  ],
  [
    'messages without a merge',
    response('repeated Item n = 1;'),
    'a.proto:6: a.v1.R.n: has no merge. Write, for instance, [(regather.v1.merge).concat = {}], or .top = { by: "…" }, .group = { by: "…" } or .union = {}.',
  ],
  [
    'a map without a merge',
    response('map<string, int64> n = 1;'),
    'a.proto:6: a.v1.R.n: has no merge. Write, for instance, [(regather.v1.merge).map = { values: { sum: {} } }].',
  ],
  [
    'a nested field without a merge',
    response('Nested n = 1;'),
    'a.proto:11: a.v1.Nested.n: has no merge. Write, for instance, [(regather.v1.merge).sum = {}].',
  ],
  [
    'a merge without a kind',
    response(`int64 n = 1 [${merge} = {}];`),
    'a.proto:6: a.v1.R.n: its merge names no kind: expected one of sum, min, max, any, all, avg, first, same, concat, union, top, group, map, align, custom.',
  ],
  // Types
  [
    'a sum of strings',
    response(`string n = 1 [${merge}.sum = {}];`),
    'a.proto:6: a.v1.R.n: sum needs a singular number, and this is a string.',
  ],
  [
    'a sum of bools',
    response(`bool n = 1 [${merge}.sum = {}];`),
    'a.proto:6: a.v1.R.n: sum needs a singular number, and this is a bool.',
  ],
  [
    'a sum of enums',
    response(`E n = 1 [${merge}.sum = {}];`),
    'a.proto:6: a.v1.R.n: sum needs a singular number, and this is an enum a.v1.E.',
  ],
  [
    'a sum of a list',
    response(`repeated int64 n = 1 [${merge}.sum = {}];`),
    'a.proto:6: a.v1.R.n: sum needs a singular number, and this is a repeated int64.',
  ],
  [
    'a max of bools',
    response(`optional bool n = 1 [${merge}.max = {}];`),
    'a.proto:6: a.v1.R.n: max needs a singular number, enum, string or bytes, and this is a bool. Of bools, any is the same.',
  ],
  [
    'a min of messages',
    response(`Item n = 1 [${merge}.min = {}];`),
    'a.proto:6: a.v1.R.n: min needs a singular number, enum, string or bytes, and this is a message a.v1.Item.',
  ],
  [
    'any of a number',
    response(`int64 n = 1 [${merge}.any = {}];`),
    'a.proto:6: a.v1.R.n: any needs a singular bool, and this is an int64.',
  ],
  [
    'an integer avg',
    response(`int64 n = 1 [${merge}.avg = { sum: "s" count: "c" }];`),
    'a.proto:6: a.v1.R.n: avg needs a singular double (or float), and this is an int64.',
  ],
  [
    'the first of a list',
    response(`repeated int64 n = 1 [${merge}.first = {}];`),
    'a.proto:6: a.v1.R.n: first needs a singular field, and this is a repeated int64.',
  ],
  [
    'the same map',
    response(`map<string, string> n = 1 [${merge}.same = {}];`),
    'a.proto:6: a.v1.R.n: same needs a singular field, and this is a map.',
  ],
  [
    'concat of one',
    response(`int64 n = 1 [${merge}.concat = {}];`),
    'a.proto:6: a.v1.R.n: concat needs a repeated field, and this is an int64.',
  ],
  [
    'concat of a map',
    response(`map<string, string> n = 1 [${merge}.concat = {}];`),
    'a.proto:6: a.v1.R.n: concat needs a repeated field, and this is a map: use map = { values: … }.',
  ],
  [
    'top of strings',
    response(`repeated string n = 1 [${merge}.top = { by: "x" }];`),
    'a.proto:6: a.v1.R.n: top needs repeated messages, and this is a repeated string.',
  ],
  [
    'group of one',
    response(`Item n = 1 [${merge}.group = { by: "x" }];`),
    'a.proto:6: a.v1.R.n: group needs repeated messages, and this is a message a.v1.Item.',
  ],
  [
    'a map that is none',
    response(`repeated Item n = 1 [${merge}.map = {}];`),
    'a.proto:6: a.v1.R.n: map needs a map field, and this is a repeated message a.v1.Item.',
  ],
  // Presence
  [
    'a max without presence',
    response(`int64 n = 1 [${merge}.max = {}];`),
    'a.proto:6: a.v1.R.n: max needs explicit presence, because in an implicit field a 0 and nothing are the same bytes: write "optional int64 n = 1".',
  ],
  [
    'the first string without presence',
    response(`string n = 1 [${merge}.first = {}];`),
    'a.proto:6: a.v1.R.n: first needs explicit presence, because in an implicit field an empty string and nothing are the same bytes: write "optional string n = 1".',
  ],
  [
    'the same enum without presence',
    response(`E n = 1 [${merge}.same = {}];`),
    'a.proto:6: a.v1.R.n: same needs explicit presence, because in an implicit field a 0 and nothing are the same bytes: write "optional a.v1.E n = 1".',
  ],
  // avg
  [
    'an avg without siblings',
    response(`double n = 1 [${merge}.avg = { sum: "s" }];`),
    'a.proto:6: a.v1.R.n: avg names sum "s", but a.v1.R has no such field.\na.proto:6: a.v1.R.n: avg needs "count", the name of a field beside it.',
  ],
  [
    'an avg with a count of doubles',
    response(`double n = 1 [${merge}.avg = { sum: "s" count: "s" }]; double s = 2 [${merge}.sum = {}];`),
    'a.proto:6: a.v1.R.n: avg names count "s", which is a double: expected a singular integer.',
  ],
  [
    'an avg of a max',
    response(
      `double n = 1 [${merge}.avg = { sum: "s" count: "c" }]; optional double s = 2 [${merge}.max = {}]; int64 c = 3 [${merge}.sum = {}];`,
    ),
    'a.proto:6: a.v1.R.n: avg names sum "s", which must itself merge by sum.',
  ],
  [
    'an avg in a oneof',
    response(
      `oneof o { double n = 1 [${merge}.avg = { sum: "s" count: "s" }]; } int64 s = 2 [${merge}.sum = {}];`,
    ),
    'a.proto:6: a.v1.R.n: avg is computed and can\'t be a member of a oneof ("o").',
  ],
  // Lists
  [
    'a misspelt by',
    response(`repeated Item n = 1 [${merge}.top = { by: "scor desc" }];`),
    'a.proto:6: a.v1.R.n: top\'s "by" names "scor", but a.v1.Item has no field "scor". Did you mean "score"?',
  ],
  [
    'a direction that is none',
    response(`repeated Item n = 1 [${merge}.top = { by: "score down" }];`),
    'a.proto:6: a.v1.R.n: top\'s "by" says "score down": expected a field with "asc" or "desc", separated by commas.',
  ],
  [
    'a by that is a list',
    response(`repeated Item n = 1 [${merge}.top = { by: "tags" }];`),
    'a.proto:6: a.v1.R.n: top\'s "by" names "tags", which is a repeated string: expected a singular scalar.',
  ],
  [
    'a by that is a message',
    response(`repeated Item n = 1 [${merge}.top = { by: "nested" }];`),
    'a.proto:6: a.v1.R.n: top\'s "by" names "nested", which is a message a.v1.Nested: expected a singular scalar.',
  ],
  [
    'a by through a list',
    response(`repeated Item n = 1 [${merge}.top = { by: "tags.x" }];`),
    'a.proto:6: a.v1.R.n: top\'s "by" names "tags.x", but "tags" of a.v1.Item is a repeated string: a path goes through singular messages.',
  ],
  [
    'a by twice',
    response(`repeated Item n = 1 [${merge}.top = { by: "id, id desc" }];`),
    'a.proto:6: a.v1.R.n: top\'s "by" names "id" twice.',
  ],
  [
    'a top without by',
    response(`repeated Item n = 1 [${merge}.top = {}];`),
    'a.proto:6: a.v1.R.n: top needs "by", such as "score desc, id".',
  ],
  [
    'a misspelt limit',
    response(`repeated Item n = 1 [${merge}.top = { by: "id" limit: "limt" }];`),
    'a.proto:6: a.v1.R.n: top\'s "limit" names "limt", but a.v1.Q has no field "limt". Did you mean "limit"? (request of All)',
  ],
  [
    'a limit that is a float',
    response(`repeated Item n = 1 [${merge}.top = { by: "id" limit: "f" }];`),
    'a.proto:6: a.v1.R.n: top\'s "limit" names "f", which is a float: expected a singular integer (request of All).',
  ],
  [
    'a limit that is a list',
    response(`repeated Item n = 1 [${merge}.top = { by: "id" limit: "ids" }];`),
    'a.proto:6: a.v1.R.n: top\'s "limit" names "ids", which is a repeated string: expected a singular integer (request of All).',
  ],
  [
    'an offset without a limit',
    response(`repeated Item n = 1 [${merge}.top = { by: "id" offset: "offset" }];`),
    'a.proto:6: a.v1.R.n: top has "offset" without "limit".',
  ],
  [
    'one field for both',
    response(`repeated Item n = 1 [${merge}.top = { by: "id" limit: "limit" offset: "limit" }];`),
    'a.proto:6: a.v1.R.n: top has "limit" for both limit and offset.',
  ],
  [
    'a default above the window',
    response(`repeated Item n = 1 [${merge}.top = { by: "id" limit: "limit" default_limit: 20000 }];`),
    'a.proto:6: a.v1.R.n: top has default_limit 20000, above its max_window 10000 (the default).',
  ],
  [
    'a union of scalars by',
    response(`repeated string n = 1 [${merge}.union = { by: "x" }];`),
    'a.proto:6: a.v1.R.n: union takes "by" for messages only, and this is a repeated string.',
  ],
  [
    'a union by a float',
    response(`repeated Item n = 1 [${merge}.union = { by: "score" }];`),
    'a.proto:6: a.v1.R.n: union\'s "by" names "score", which is a double: expected a string, bytes, integer, bool or enum.',
  ],
  [
    'align without SPLIT',
    response(`repeated Item n = 1 [${merge}.align = { by: "id" }];`),
    'a.proto:6: a.v1.R.n: align is for SPLIT methods, and All is none.',
  ],
  // group
  [
    'a group without by',
    response(`repeated G n = 1 [${merge}.group = {}];`, 'message G { string k = 1; }'),
    'a.proto:6: a.v1.R.n: group needs "by", the fields that items with equal values become one by.',
  ],
  [
    'a group whose rest has no merge',
    response(`repeated G n = 1 [${merge}.group = { by: "k" }];`, 'message G { string k = 1; int64 c = 2; }'),
    'a.proto:13: a.v1.G.c: has no merge. Write, for instance, [(regather.v1.merge).sum = {}].',
  ],
  [
    'a key with a merge',
    response(
      `repeated G n = 1 [${merge}.group = { by: "k" }];`,
      `message G { int64 k = 1 [${merge}.sum = {}]; }`,
    ),
    'a.proto:13: a.v1.G.k: is part of the key of its group: it takes no merge.',
  ],
  [
    'a group by a double',
    response(`repeated G n = 1 [${merge}.group = { by: "k" }];`, 'message G { double k = 1; }'),
    'a.proto:6: a.v1.R.n: group\'s "by" names "k", which is a double: expected a string, bytes, integer, bool or enum.',
  ],
  [
    'an order that names nothing',
    response(
      `repeated G n = 1 [${merge}.group = { by: "k" order: "c desc" }];`,
      'message G { string k = 1; }',
    ),
    'a.proto:6: a.v1.R.n: group\'s "order" names "c", but a.v1.G has no field "c".',
  ],
  [
    'an order from a number',
    response(
      `repeated G n = 1 [${merge}.group = { by: "k" order_from: "limit" }];`,
      'message G { string k = 1; }',
    ),
    'a.proto:6: a.v1.R.n: group\'s "order_from" names "limit", which is an uint32: expected a singular string (request of All).',
  ],
  [
    'a group in itself',
    response(
      `repeated G n = 1 [${merge}.group = { by: "k" }];`,
      `message G { string k = 1; repeated G g = 2 [${merge}.group = { by: "k" }]; }`,
    ),
    'a.proto:13: a.v1.G.g: groups a.v1.G, which contains itself.',
  ],
  [
    'a message in itself',
    response('T n = 1;', 'message T { T t = 1; }'),
    'a.proto:13: a.v1.T.t: merges field by field, but a.v1.T contains itself: give it a merge such as [(regather.v1.merge).first = {}].',
  ],
  // map
  [
    'map values without a merge',
    response(`map<string, int64> n = 1 [${merge}.map = {}];`),
    'a.proto:6: a.v1.R.n: map needs "values", the merge of its int64 values, such as { values: { sum: {} } }.',
  ],
  [
    'map values of the wrong type',
    response(`map<string, string> n = 1 [${merge}.map = { values: { sum: {} } }];`),
    'a.proto:6: a.v1.R.n.value: sum needs a singular number, and this is a string.',
  ],
  [
    'an avg of map values',
    response(`map<string, double> n = 1 [${merge}.map = { values: { avg: { sum: "a" count: "b" } } }];`),
    'a.proto:6: a.v1.R.n.value: avg needs fields beside it, which the values of a map have not.',
  ],
  [
    'map values whose fields have no merge',
    response(`map<string, Nested> n = 1 [${merge}.map = {}];`),
    'a.proto:11: a.v1.Nested.n: has no merge. Write, for instance, [(regather.v1.merge).sum = {}].',
  ],
  // custom and coverage
  [
    'a custom merge without a name',
    response(`bytes n = 1 [${merge}.custom = {}];`),
    'a.proto:6: a.v1.R.n: custom needs "name", the registered name of a reducer.',
  ],
  [
    'several coverages',
    response('repeated regather.v1.Coverage n = 1;'),
    'a.proto:6: a.v1.R.n: is a repeated regather.v1.Coverage: the root fills in a singular one.',
  ],
  [
    'a second coverage',
    response('regather.v1.Coverage n = 1;\n  regather.v1.Coverage m = 2;'),
    'a.proto:7: a.v1.R.m: is a second regather.v1.Coverage; "n" is one already.',
  ],
  [
    'a coverage with a merge',
    response(`regather.v1.Coverage n = 1 [${merge}.first = {}];`),
    'a.proto:6: a.v1.R.n: is a regather.v1.Coverage, which the root fills in: it takes no merge.',
  ],
  [
    'a coverage within',
    response('T n = 1;', 'message T { regather.v1.Coverage c = 1; }'),
    'a.proto:13: a.v1.T.c: is a regather.v1.Coverage, which can stand in the response itself only.',
  ],
  // scatter
  [
    'a method without a scatter',
    `${head}message Q {}\nservice S {\n  rpc M(Q) returns (Q);\n}`,
    "a.proto:7: a.v1.S.M: has no scatter. Write option (regather.v1.scatter) = { to: ALL }, or { to: NONE } for a method that isn't served.",
  ],
  [
    'a file without the annotations',
    'syntax = "proto3";\nmessage Q {}\nservice S {\n  rpc M(Q) returns (Q);\n}',
    'a.proto:4: S.M: has no scatter. Write option (regather.v1.scatter) = { to: ALL } (and import "regather/v1/annotations.proto"), or { to: NONE } for a method that isn\'t served.',
  ],
  [
    'a scatter to nowhere',
    scatter('timeout_ms: 5'),
    'a.proto:9: a.v1.S.M: its scatter\'s "to" is not set: expected ALL, KEY, SPLIT, ANY or NONE.',
  ],
  [
    'a scatter to a number',
    scatter('to: 9'),
    'a.proto:9: a.v1.S.M: its scatter\'s "to" is 9: expected ALL, KEY, SPLIT, ANY or NONE.',
  ],
  [
    'a client-streaming method',
    scatter('to: ALL', 'rpc M(stream Q) returns (R)'),
    "a.proto:9: a.v1.S.M: is client-streaming and can't be scattered to ALL: write { to: NONE }.",
  ],
  [
    'a bidi method',
    scatter('to: ANY', 'rpc M(stream Q) returns (stream R)'),
    "a.proto:9: a.v1.S.M: is bidi and can't be scattered to ANY: write { to: NONE }.",
  ],
  [
    'a key for ALL',
    scatter('to: ALL key: "id"'),
    'a.proto:9: a.v1.S.M: has a key ("id"), which is for KEY and SPLIT, not ALL.',
  ],
  ['KEY without a key', scatter('to: KEY'), 'a.proto:9: a.v1.S.M: KEY needs "key", a field of a.v1.Q.'],
  [
    'a misspelt key',
    scatter('to: KEY key: "in.kye"'),
    'a.proto:9: a.v1.S.M: its "key" names "in.kye", but a.v1.In has no field "kye". Did you mean "key"?',
  ],
  [
    'a list as a key',
    scatter('to: KEY key: "ids"'),
    'a.proto:9: a.v1.S.M: its "key" names "ids", which is a repeated string: KEY needs a singular field. For a list use SPLIT.',
  ],
  [
    'one key to split',
    scatter('to: SPLIT key: "id"'),
    'a.proto:9: a.v1.S.M: its "key" names "id", which is a string: SPLIT needs a repeated field. For one key use KEY.',
  ],
  [
    'a bool as a key',
    scatter('to: KEY key: "b"'),
    'a.proto:9: a.v1.S.M: its "key" names "b", which is a bool: expected strings, bytes or integers.',
  ],
  [
    'a double as a key',
    scatter('to: KEY key: "d"'),
    'a.proto:9: a.v1.S.M: its "key" names "d", which is a double: expected strings, bytes or integers.',
  ],
  [
    'an enum as a key',
    scatter('to: KEY key: "e"'),
    'a.proto:9: a.v1.S.M: its "key" names "e", which is an enum a.v1.E: expected strings, bytes or integers.',
  ],
  [
    'a map as a key',
    scatter('to: SPLIT key: "m"'),
    'a.proto:9: a.v1.S.M: its "key" names "m", which is a map: expected strings, bytes or integers.',
  ],
  [
    'a key through a list',
    scatter('to: KEY key: "ins.key"'),
    'a.proto:9: a.v1.S.M: its "key" names "ins.key", but "ins" of a.v1.Q is a repeated message a.v1.In: a path goes through singular messages.',
  ],
  [
    'a deadline above the longest',
    scatter('to: ALL timeout_ms: 500 max_timeout_ms: 400'),
    'a.proto:9: a.v1.S.M: has timeout_ms 500 above its max_timeout_ms 400.',
  ],
  [
    'the default deadline above the longest',
    scatter('to: ALL max_timeout_ms: 400'),
    'a.proto:9: a.v1.S.M: has timeout_ms 1000 (the default) above its max_timeout_ms 400.',
  ],
  [
    'a coverage above 1',
    scatter('to: ALL min_coverage: 90'),
    'a.proto:9: a.v1.S.M: has min_coverage 90: expected above 0 and up to 1.',
  ],
  [
    'a coverage that is no number',
    scatter('to: ALL min_coverage: nan'),
    'a.proto:9: a.v1.S.M: has min_coverage NaN: expected above 0 and up to 1.',
  ],
  [
    'a coverage of KEY',
    scatter('to: KEY key: "id" min_coverage: 0.5'),
    'a.proto:9: a.v1.S.M: has min_coverage 0.5, which is for ALL and SPLIT: KEY asks one shard at most.',
  ],
  [
    'a floor above 1',
    scatter('to: ALL min_coverage_floor: 50'),
    'a.proto:9: a.v1.S.M: has min_coverage_floor 50: expected above 0 and up to 1.',
  ],
  [
    'a floor above the coverage',
    scatter('to: ALL min_coverage: 0.5 min_coverage_floor: 0.6'),
    'a.proto:9: a.v1.S.M: has min_coverage_floor 0.6, above its min_coverage 0.5.',
  ],
  [
    'a floor of a quorum',
    scatter('to: ALL quorum: 3 min_coverage_floor: 0.6'),
    'a.proto:9: a.v1.S.M: has min_coverage_floor 0.6, but no min_coverage: quorum 3 alone is its minimum.',
  ],
  [
    'a quorum of KEY',
    scatter('to: KEY key: "id" quorum: 1'),
    'a.proto:9: a.v1.S.M: has quorum 1, which is for ALL and SPLIT: KEY asks one shard at most.',
  ],
  [
    'a quorum of a stream',
    scatter('to: ALL quorum: 2', 'rpc M(Q) returns (stream R)'),
    'a.proto:9: a.v1.S.M: is server-streaming and has quorum 2: items of the other shards would be forwarded already.',
  ],
  // leaf
  [
    'a leaf of KEY',
    scatter('to: KEY key: "id" leaf: "M"'),
    'a.proto:9: a.v1.S.M: has a leaf ("M"), which is for ALL and SPLIT, not KEY.',
  ],
  [
    'a misspelt leaf',
    scatter('to: ALL leaf: "N"'),
    'a.proto:9: a.v1.S.M: its leaf "N" is no method of a.v1.S.',
  ],
  [
    'itself as leaf',
    scatter('to: ALL leaf: "M"'),
    'a.proto:9: a.v1.S.M: names itself as its leaf: leave "leaf" out.',
  ],
];

for (const [what, text, says] of cases) {
  test(`names the rule, the value and the place: ${what}`, (t) => {
    const { code, message } = errorOf(() => compilePlan(compileText(text), undefined));
    t.is(code, 'PLAN_INVALID');
    t.is(message, says);
  });
}

test("protobuf's own messages have no merges inside, so the field needs one", (t) => {
  const text = (options: string): string => `${head}import "google/protobuf/timestamp.proto";
message Q {} message R {
  google.protobuf.Timestamp at = 1${options}; }
service S { rpc M(Q) returns (R) { option (regather.v1.scatter) = { to: ALL }; } }`;
  const { message } = errorOf(() => compilePlan(compileText(text('')), undefined));
  t.is(
    message,
    "a.proto:7: a.v1.R.at: has no merge, and google.protobuf.Timestamp can't merge field by field. Write, for instance, [(regather.v1.merge).first = {}] or .same = {}.",
  );
  t.notThrows(() => compilePlan(compileText(text(` [${merge}.same = {}]`)), undefined));
});

test('a limit in a oneof is refused, since rewriting it would unset another member', (t) => {
  const text = `${head}message Q { oneof page { uint32 limit = 1; string token = 2; } }
message R { repeated Hit hits = 1 [${merge}.top = { by: "id" limit: "limit" }]; } message Hit { string id = 1; }
service S { rpc M(Q) returns (R) { option (regather.v1.scatter) = { to: ALL }; } }`;
  const { message } = errorOf(() => compilePlan(compileText(text), undefined));
  t.is(
    message,
    'a.proto:6: a.v1.R.hits: top\'s "limit" goes through the oneof "page", and limits are rewritten for shards: move it out of the oneof.',
  );
});

test('align: by has to be like the key', (t) => {
  const text = `${head}message Q { repeated string ids = 1; }
message R { repeated Doc docs = 1 [${merge}.align = { by: "n" }]; }
message Doc { int64 n = 1; }
service S { rpc M(Q) returns (R) { option (regather.v1.scatter) = { to: SPLIT key: "ids" }; } }`;
  const { message } = errorOf(() => compilePlan(compileText(text), undefined));
  t.is(
    message,
    'a.proto:6: a.v1.R.docs: align\'s "by" names "n", which is an int64: expected a singular string or bytes, like the key "ids" (string) of M.',
  );
});

test('a leaf has to fit', (t) => {
  const text = `${head}message Q {} message P { int32 n = 1 [${merge}.sum = {}]; } message R { int64 n = 1; string s = 2; }
service S {
  rpc M(Q) returns (R) { option (regather.v1.scatter) = { to: ALL leaf: "Part" }; }
  rpc N(P) returns (P) { option (regather.v1.scatter) = { to: ALL leaf: "Part" }; }
  rpc O(Q) returns (stream P) { option (regather.v1.scatter) = { to: ALL leaf: "Part" }; }
  rpc T(Q) returns (P) { option (regather.v1.scatter) = { to: ALL leaf: "N" }; }
  rpc U(P) returns (P) { option (regather.v1.scatter) = { to: ALL leaf: "N" }; }
  rpc Part(Q) returns (P) { option (regather.v1.scatter) = { to: ALL }; }
}`;
  const { message } = errorOf(() => compilePlan(compileText(text), undefined));
  t.deepEqual(message.split('\n'), [
    "a.proto:7: a.v1.S.M: its leaf's response has a.v1.P.n (an int32) where a.v1.R.n is an int64.",
    "a.proto:7: a.v1.S.M: its leaf's response a.v1.P has no field 2, as a.v1.R.s is.",
    'a.proto:8: a.v1.S.N: takes a.v1.P, but its leaf "Part" takes a.v1.Q.',
    'a.proto:9: a.v1.S.O: is server-streaming, but its leaf "Part" is unary.',
    'a.proto:10: a.v1.S.T: takes a.v1.Q, but its leaf "N" takes a.v1.P.',
    'a.proto:11: a.v1.S.U: its leaf "N" has a leaf itself.',
  ]);
});

test('all errors of a plan are told at once, and the first line is usable alone', (t) => {
  const text = response(`string a = 1; int64 b = 2 [${merge}.top = {}];`);
  const { message, line, field } = errorOf(() => compilePlan(compileText(text), undefined));
  t.is(message.split('\n').length, 2);
  t.is(line, 6);
  t.is(field, 'a.v1.R.a');
});

test('a reducer that nobody registered is REDUCER_UNKNOWN; without a registry names pass', (t) => {
  const descriptors = compileText(
    response(`bytes n = 1 [${merge}.custom = { name: "theta2" options: "k=10" }];`),
  );
  const { code, message } = errorOf(() =>
    compilePlan(descriptors, undefined, { customNames: new Set(['theta']) }),
  );
  t.is(code, 'REDUCER_UNKNOWN');
  t.is(message, 'a.proto:6: a.v1.R.n: no reducer is registered as "theta2". Did you mean "theta"?');
  const [method] = compilePlan(descriptors, undefined).methods;
  t.deepEqual(method!.merge!.fields[0]!.spec, { kind: 'custom', name: 'theta2', options: 'k=10' });
});

test('proto2 groups in merged messages are refused, in copied ones they are not', (t) => {
  const proto2 = (field: string): string => `package a;
import "regather/v1/annotations.proto";
message R { ${field} }
message Item { optional group G = 1 { optional int32 x = 1; } }
message Q {}
service S { rpc M(Q) returns (R) { option (regather.v1.scatter) = { to: ALL }; } }`;
  const { message } = errorOf(() => compilePlan(compileText(proto2('optional group G = 1 {}')), undefined));
  t.is(
    message,
    'a.proto:3: a.R.g: proto2 groups and delimited messages do not merge: use a length-prefixed message.',
  );
  t.notThrows(() =>
    compilePlan(compileText(proto2(`repeated Item i = 1 [${merge}.concat = {}];`)), undefined),
  );
});

test('services are found by their full name, or alone', (t) => {
  const one = response(`int64 n = 1 [${merge}.sum = {}];`);
  const two = `${one}service T { rpc All(Q) returns (R) { option (regather.v1.scatter) = { to: ALL }; } }`;
  t.is(compilePlan(compileText(one), undefined).name, 'a.v1.S');
  t.is(compilePlan(compileText(two), 'a.v1.T').name, 'a.v1.T');
  t.like(
    errorOf(() => compilePlan(compileText(two), undefined)),
    {
      code: 'SERVICE_UNKNOWN',
      message: 'a.proto: It defines several services, so one must be named: a.v1.S, a.v1.T.',
    },
  );
  t.like(
    errorOf(() => compilePlan(compileText(one), 'S')),
    {
      code: 'SERVICE_UNKNOWN',
      message: 'a.proto: There is no service "S". Did you mean "a.v1.S"?',
    },
  );
  t.like(
    errorOf(() => compilePlan(compileText(`${head}message M {}`), undefined)),
    {
      code: 'SERVICE_UNKNOWN',
      message: 'a.proto: It defines no service.',
    },
  );
});
