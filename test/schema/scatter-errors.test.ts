/** Where requests go, and the leaf that shards are called with. */
import test from 'ava';
import { compilePlan } from '../../shared/schema/compile.ts';
import { compileText, errorOf } from './compile-text.ts';
import { areRefused, head, merge, scatter } from './wrong-plans.ts';

areRefused([
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
]);

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
