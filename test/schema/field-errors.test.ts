/** Fields without a merge, or with one that doesn't suit them. */
import test from 'ava';
import { compilePlan } from '../../shared/schema/compile.ts';
import { compileText, errorOf } from './compile-text.ts';
import { areRefused, head, merge, response } from './wrong-plans.ts';

areRefused([
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
]);

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
