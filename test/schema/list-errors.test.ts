/** Merges of lists, maps and what is the user's own or the root's. */
import test from 'ava';
import { compilePlan } from '../../shared/schema/compile.ts';
import { compileText, errorOf } from './compile-text.ts';
import { areRefused, head, merge, response } from './wrong-plans.ts';

areRefused([
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
]);

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
