import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { decodeJson } from '../../cli/json/decode.ts';
import { encodeJson } from '../../cli/json/encode.ts';
import { JsonTypes, jsonName } from '../../cli/json/types.ts';
import { type Descriptors, loadDescriptors } from '../../shared/schema/descriptors.ts';
import { needs, python } from '../kit/debian.ts';

const proto = `syntax = "proto3";
package acme.v1;
import "google/protobuf/timestamp.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/wrappers.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/field_mask.proto";
enum Kind { NOTHING = 0; NEW = 1; OLD = -2; }
message Inner { string name = 1; repeated Inner more = 2; }
message Everything {
  double a_double = 1; float a_float = 2; int32 an_int32 = 3; int64 an_int64 = 4; uint32 a_uint32 = 5; uint64 a_uint64 = 6;
  sint32 a_sint32 = 7; sint64 a_sint64 = 8; fixed32 a_fixed32 = 9; fixed64 a_fixed64 = 10; sfixed32 an_sfixed32 = 11;
  sfixed64 an_sfixed64 = 12; bool a_bool = 13; string a_string = 14; bytes some_bytes = 15; Kind kind = 16; Inner inner = 17;
  repeated int64 numbers = 18; repeated string texts = 19; repeated Kind kinds = 20; repeated Inner inners = 21;
  map<string, int64> counts = 22; map<int32, Inner> by_number = 23; map<bool, Kind> by_flag = 24;
  optional int32 maybe = 25; oneof choice { string one_text = 26; int64 one_number = 27; }
  google.protobuf.Timestamp at = 28; google.protobuf.Duration took = 29; google.protobuf.Int64Value wrapped = 30;
  google.protobuf.Struct any_object = 31; google.protobuf.FieldMask mask = 32; google.protobuf.Value any_value = 33;
  repeated double ratios = 34; google.protobuf.BoolValue flag = 35; repeated float floats = 36;
}
`;

function load(t: ExecutionContext): { descriptors: Descriptors; types: JsonTypes; folder: string } {
  const folder = mkdtempSync(join(tmpdir(), 'regather-json-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'a.proto'), proto);
  const descriptors = loadDescriptors({ proto: join(folder, 'a.proto') });
  return { descriptors, types: new JsonTypes(descriptors), folder };
}

/** As both write them: canonical proto3 JSON. */
const samples: readonly Record<string, unknown>[] = [
  {},
  { aDouble: 1.5, aFloat: 0.1, anInt32: -2147483648, anInt64: '-9223372036854775808', aUint32: 4294967295 },
  { aUint64: '18446744073709551615', aSint32: -1, aSint64: '-2', aFixed32: 7, aFixed64: '8', anSfixed32: -9 },
  { anSfixed64: '-10', aBool: true, aString: 'ü "quoted" \n', someBytes: 'AAH/', kind: 'OLD' },
  { aDouble: 'NaN', aFloat: '-Infinity', ratios: [0, 'Infinity', -1.5e300], floats: [0.3, 16777216, 1e-10] },
  { inner: { name: 'a', more: [{ name: 'b' }, {}] }, inners: [{}, { name: 'c' }] },
  { numbers: ['1', '-1', '0'], texts: ['', 'x'], kinds: ['NEW', 'NOTHING', 'OLD'] },
  {
    counts: { a: '1', '': '0' },
    byNumber: { '-5': { name: 'x' }, '0': {} },
    byFlag: { true: 'NEW', false: 'OLD' },
  },
  { maybe: 0 },
  { oneText: '' },
  { oneNumber: '0' },
  { at: '2001-03-01T06:30:00.250Z', took: '-1.500s', wrapped: '0', flag: false, mask: 'aDouble,inner.name' },
  { at: '1970-01-01T00:00:00Z', took: '0s' },
  { anyObject: { a: [1, 'x', null, { b: true }], c: {} }, anyValue: [false, null] },
];

test('what is written reads back the same', (t) => {
  const { types } = load(t);
  const shape = types.message('acme.v1.Everything');
  for (const sample of samples)
    t.deepEqual(decodeJson(types, shape, encodeJson(types, shape, sample)), sample);
});

const oracle = `
import json, sys, base64
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, json_format
pool = descriptor_pool.DescriptorPool()
for f in descriptor_pb2.FileDescriptorSet.FromString(open(sys.argv[1], "rb").read()).file: pool.Add(f)
Everything = message_factory.MessageFactory(pool).GetPrototype(pool.FindMessageTypeByName("acme.v1.Everything"))
out = []
for sample in json.load(open(sys.argv[2])):
    ours = Everything.FromString(base64.b64decode(sample["bytes"]))
    theirs = json_format.ParseDict(sample["json"], Everything(), descriptor_pool=pool)
    # NaN isn't equal to itself, so bytes are compared.
    same = ours.SerializeToString(deterministic=True) == theirs.SerializeToString(deterministic=True)
    out.append({"same": same, "json": json_format.MessageToDict(ours), "bytes": base64.b64encode(theirs.SerializeToString()).decode()})
print(json.dumps(out))
`;

needs(test, 'python3-protobuf')("Python's protobuf agrees, in both directions", (t) => {
  const { descriptors, types, folder } = load(t);
  const shape = types.message('acme.v1.Everything');
  const set = join(folder, 'set.bin');
  const cases = join(folder, 'samples.json');
  writeFileSync(set, descriptors.bytes);
  writeFileSync(
    cases,
    JSON.stringify(
      samples.map((json) => ({ json, bytes: encodeJson(types, shape, json).toString('base64') })),
    ),
  );
  const ran = spawnSync(python, ['-c', oracle, set, cases], { encoding: 'utf8' });
  t.is(ran.stderr, '');
  const results = JSON.parse(ran.stdout) as { same: boolean; json: unknown; bytes: string }[];
  for (const [i, { same, json, bytes }] of results.entries()) {
    t.true(same, JSON.stringify(samples[i]));
    const decoded = decodeJson(types, shape, Buffer.from(bytes, 'base64'));
    t.deepEqual(decoded, samples[i] as typeof decoded);
    t.deepEqual(json, samples[i], `${i}`);
  }
});

test('names are taken as in the .proto, too; numbers as texts', (t) => {
  const { types } = load(t);
  const shape = types.message('acme.v1.Everything');
  const read = (value: unknown): unknown => decodeJson(types, shape, encodeJson(types, shape, value));
  t.deepEqual(read({ an_int32: '5', a_double: '2.5', kind: 1, a_uint64: 5, an_int64: 1e3 }), {
    aDouble: 2.5,
    anInt32: 5,
    anInt64: '1000',
    aUint64: '5',
    kind: 'NEW',
  });
  t.deepEqual(read({ inner: null, texts: null, kind: 77 }), { kind: 77 });
  t.deepEqual(read({ at: '2001-03-01T08:30:00+02:00' }), { at: '2001-03-01T06:30:00Z' });
});

test('what does not fit names its place', (t) => {
  const { types } = load(t);
  const shape = types.message('acme.v1.Everything');
  const cases: [unknown, string][] = [
    [5, 'Everything: expected a Everything object, got 5'],
    [{ an_int33: 5 }, 'Everything: no field "an_int33". Did you mean "anInt32"?'],
    [
      { anInt32: 2147483648 },
      'Everything.an_int32: expected int32 (-2147483648..2147483647), got 2147483648',
    ],
    [{ anInt32: 1.5 }, 'Everything.an_int32: expected int32 (-2147483648..2147483647), got 1.5'],
    [{ aUint64: -1 }, 'Everything.a_uint64: expected uint64 (0..18446744073709551615), got -1'],
    [{ aBool: 'yes' }, 'Everything.a_bool: expected true or false, got "yes"'],
    [{ aString: 5 }, 'Everything.a_string: expected a string, got 5'],
    [{ someBytes: '*' }, 'Everything.some_bytes: expected bytes as base64, got "*"'],
    [{ kind: 'NEWW' }, 'Everything.kind: expected one of NOTHING, NEW, OLD, got "NEWW". Did you mean "NEW"?'],
    [{ texts: 'a' }, 'Everything.texts: expected a list, got "a"'],
    [{ inner: { more: [{ name: 5 }] } }, 'Everything.inner.more[0].name: expected a string, got 5'],
    [
      { counts: { a: 'x' } },
      'Everything.counts["a"]: expected int64 (-9223372036854775808..9223372036854775807), got "x"',
    ],
    [
      { oneText: 'a', oneNumber: 1 },
      'Everything: expected one of oneof "choice", got "oneText" and "oneNumber"',
    ],
    [{ a_double: 1, aDouble: 2 }, 'Everything: "a_double" and "aDouble" are the same field'],
    [{ at: 'noon' }, 'Everything.at: expected a time such as "2001-01-31T23:59:00Z", got "noon"'],
    [{ took: '5' }, 'Everything.took: expected a duration such as "1.5s", got "5"'],
    [{ aDouble: '1,5' }, 'Everything.a_double: expected a number (double), got "1,5"'],
  ];
  for (const [value, message] of cases) {
    t.throws(() => encodeJson(types, shape, value), { code: 'USAGE', message });
  }
});

test('bytes are read as protobuf says: last one wins, pieces of a message merge, packed or not', (t) => {
  const { types } = load(t);
  const shape = types.message('acme.v1.Everything');
  const read = (hex: string): unknown =>
    decodeJson(types, shape, Buffer.from(hex.replaceAll(' ', ''), 'hex'));
  // an_int32 (3) twice; inner (17) in two pieces; numbers (18) unpacked; an unknown field 999.
  t.deepEqual(read('18 01 18 02  8a01 03 0a0161  8a01 02 1200  9001 05 9001 06  b83e 01'), {
    anInt32: 2,
    inner: { name: 'a', more: [{}] },
    numbers: ['5', '6'],
  });
  // one_text (26), then one_number (27): the oneof holds the last.
  t.deepEqual(read('d201 01 61  d801 03'), { oneNumber: '3' });
  t.throws(() => read('18'), { code: 'PARTIAL_MALFORMED' });
  t.throws(() => read('8a01 05 0a01'), { code: 'PARTIAL_MALFORMED' });
});

test("JSON names follow protoc's rule", (t) => {
  t.deepEqual(['a', 'a_b', 'a__b', '_a', 'aB_c1', 'x_1y'].map(jsonName), [
    'a',
    'aB',
    'aB',
    'A',
    'aBC1',
    'x1y',
  ]);
});
