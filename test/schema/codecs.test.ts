import test from 'ava';
import { methodCodecs } from '../../shared/schema/codecs.ts';
import { compilePlan } from '../../shared/schema/compile.ts';
import { compileText } from './compile-text.ts';

const codecs = methodCodecs(
  compilePlan(
    compileText(
      `syntax = "proto3";
package a.v1;
import "regather/v1/annotations.proto";
import "old.proto";
import "google/protobuf/timestamp.proto";
message M {
  int64 big_number = 1; uint64 unsigned_big = 2; Kind kind = 3; bytes raw_bytes = 4;
  map<string, int64> count_by_name = 5; map<int64, M> nested_by_id = 6; map<bool, Kind> kinds = 7;
  oneof either_one { string some_text = 8; M inner = 9; int64 small = 10; }
  optional int64 maybe_big = 11; optional string maybe_text = 12; optional Kind maybe_kind = 13; optional bytes maybe_raw = 14;
  repeated int64 list = 15; repeated int32 unpacked = 16 [packed = false]; google.protobuf.Timestamp at = 17;
  double a_double = 18; field_2.Odd odd = 19; repeated Kind more_kinds = 20; sint64 field_2_x = 21;
  enum Kind { KIND_NONE = 0; KIND_ONE = 1; KIND_UNO = 1; option allow_alias = true; }
}
service S {
  rpc Method(M) returns (Old) { option (regather.v1.scatter).to = ANY; }
  rpc Up(stream M) returns (M) { option (regather.v1.scatter).to = NONE; }
}`,
      {
        'old.proto': `package a.v1;
message Old {
  required string name = 1; optional int64 n = 2; optional int32 d = 3 [default = 7]; optional group Part = 4 { optional string x = 1; }
  repeated int32 loose = 5; repeated int32 tight = 6 [packed = true]; optional Sign sign = 7; repeated group Item = 8 { optional int32 y = 1; }
}
enum Sign { PLUS = 5; MINUS = 6; }
message field_2 { message Odd { optional bool is = 1; } }`,
      },
    ),
    undefined,
  ),
);
const codec = codecs.get('Method')!;
const roundTrip = (message: object): object => codec.decodeRequest(codec.encodeRequest(message));

const empty = {
  bigNumber: '0',
  unsignedBig: '0',
  kind: 'KIND_NONE',
  rawBytes: Buffer.alloc(0),
  countByName: {},
  nestedById: {},
  kinds: {},
  list: [],
  unpacked: [],
  at: null,
  aDouble: 0,
  odd: null,
  moreKinds: [],
  field2X: '0',
};

test('what is absent: defaults, null for messages, nothing for optional fields and oneofs', (t) => {
  t.deepEqual(codec.decodeRequest(Buffer.alloc(0)), empty);
});

test('64-bit integers are strings, enums names, bytes Buffers; maps and oneofs round trip', (t) => {
  t.deepEqual(
    roundTrip({
      bigNumber: '-9223372036854775808',
      unsignedBig: '18446744073709551615',
      kind: 'KIND_ONE',
      rawBytes: Buffer.of(0, 255),
      countByName: { a: '9007199254740993', '': '0' },
      nestedById: { '-9223372036854775808': { kind: 1 } },
      kinds: { true: 'KIND_ONE' },
      someText: '',
      list: ['1', '-1'],
      unpacked: [1, -1],
      at: { seconds: '5', nanos: 6 },
      aDouble: Number.NaN,
      odd: { is: false },
      moreKinds: ['KIND_UNO', 7],
      field2X: -5,
    }),
    {
      bigNumber: '-9223372036854775808',
      unsignedBig: '18446744073709551615',
      kind: 'KIND_ONE',
      rawBytes: Buffer.of(0, 255),
      countByName: { a: '9007199254740993', '': '0' },
      nestedById: { '-9223372036854775808': { ...empty, kind: 'KIND_ONE' } },
      kinds: { true: 'KIND_ONE' },
      someText: '',
      eitherOne: 'someText',
      list: ['1', '-1'],
      unpacked: [1, -1],
      at: { seconds: '5', nanos: 6 },
      aDouble: Number.NaN,
      odd: { is: false, _is: 'is' },
      moreKinds: ['KIND_ONE', 7],
      field2X: '-5',
    },
  );
});

test('optional fields keep the difference between zero and absent', (t) => {
  t.deepEqual(
    roundTrip({ maybeBig: '0', maybeText: '', maybeKind: 'KIND_NONE', maybeRaw: Buffer.alloc(0) }),
    {
      ...empty,
      maybeBig: '0',
      _maybeBig: 'maybeBig',
      maybeText: '',
      _maybeText: 'maybeText',
      maybeKind: 'KIND_NONE',
      _maybeKind: 'maybeKind',
      maybeRaw: Buffer.alloc(0),
      _maybeRaw: 'maybeRaw',
    },
  );
  t.is(codec.encodeRequest({ maybeBig: null, maybeText: undefined }).length, 0);
});

test('repeated scalars are packed as the .proto says', (t) => {
  t.is(codec.encodeRequest({ list: ['1', '2'] }).toString('hex'), '7a020102');
  t.is(codec.encodeRequest({ unpacked: [1, 2] }).toString('hex'), '800101800102');
  t.is(
    codec.encodeResponse({ name: 'a', loose: [1, 2], tight: [1, 2] }).toString('hex'),
    '0a01612801280232020102',
  );
});

test('proto2: groups, defaults, required', (t) => {
  const bytes = codec.encodeResponse({ name: 'a', part: { x: 'b' }, item: [{ y: 1 }, { y: 2 }] });
  t.is(bytes.toString('hex'), '0a0161230a0162244308014443080244');
  t.deepEqual(codec.decodeResponse(bytes), {
    name: 'a',
    d: 7,
    part: { x: 'b', _x: 'x' },
    item: [
      { y: 1, _y: 'y' },
      { y: 2, _y: 'y' },
    ],
    loose: [],
    tight: [],
  });
  t.throws(() => codec.decodeResponse(Buffer.alloc(0)), { message: /required/, any: true });
});

test('bytes that do not decode throw; every method has a codec', (t) => {
  t.throws(() => codec.decodeRequest(Buffer.of(0x0a, 5, 1)));
  t.deepEqual([...codecs.keys()], ['Method', 'Up']);
});
