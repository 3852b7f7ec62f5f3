import test from 'ava';
import fc from 'fast-check';
import type { FieldPath, FieldShape, FieldType, MessageShape } from '../../shared/schema/plan.ts';
import { WireFault } from '../../shared/wire/fault.ts';
import { readPath, replaceField } from '../../shared/wire/path.ts';
import { varintEnd, varintHigh, varintLow } from '../../shared/wire/reader.ts';
import { readScalar, writeScalar } from '../../shared/wire/scalar.ts';
import { validateMessage } from '../../shared/wire/validate.ts';
import { Writer } from '../../shared/wire/writer.ts';

function field(number: number, name: string, type: FieldType, more: Partial<FieldShape> = {}): FieldShape {
  return {
    number,
    name,
    type,
    repeated: false,
    packed: false,
    presence: 'implicit',
    isMap: false,
    place: { file: 'test.proto' },
    ...more,
  };
}

const inner: MessageShape = {
  name: 'Filter',
  fields: [
    field(1, 'id', 'string'),
    field(2, 'limit', 'uint32'),
    field(3, 'ids', 'int64', { repeated: true }),
  ],
};
const outer: MessageShape = {
  name: 'Request',
  fields: [
    field(1, 'text', 'string'),
    field(2, 'filter', 'message', { message: inner, typeName: 'Filter', presence: 'explicit' }),
    field(3, 'ids', 'int64', { repeated: true, packed: true }),
    field(20, 'label', 'string'),
    field(21, 'at', 'fixed64'),
    field(3000, 'far', 'int32'),
  ],
};

function path(...names: string[]): FieldPath {
  let shape: MessageShape | undefined = outer;
  const fields = names.map((name) => {
    const found = shape!.fields.find((each) => each.name === name)!;
    shape = found.message;
    return found;
  });
  return { text: names.join('.'), fields };
}

function message(write: (out: Writer) => void): Buffer {
  const out = new Writer();
  write(out);
  return out.finish();
}

function checkMessageBytes(bytes: Uint8Array, of: MessageShape): void {
  validateMessage(bytes, 0, bytes.length, of);
}

const u64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });

test('varints of 64 bits survive, also when they are over-long', (t) => {
  fc.assert(
    fc.property(u64, fc.nat(9), (value, extra) => {
      const out = new Writer(1);
      out.varint64(Number(value >> 32n), Number(value & 0xffffffffn));
      let bytes: number[] = [...out.finish()];
      while (bytes.length < 10 && extra-- > 0) bytes = [...bytes.slice(0, -1), bytes.at(-1)! | 128, 0];
      const buffer = Buffer.from(bytes);
      t.is(varintEnd(buffer, 0, buffer.length), buffer.length);
      t.is((BigInt(varintHigh(buffer, 0)) << 32n) | BigInt(varintLow(buffer, 0)), value);
    }),
  );
});

const ranges: Partial<Record<FieldType, readonly [bigint, bigint]>> = {
  int32: [-(1n << 31n), (1n << 31n) - 1n],
  sint32: [-(1n << 31n), (1n << 31n) - 1n],
  sfixed32: [-(1n << 31n), (1n << 31n) - 1n],
  enum: [-(1n << 31n), (1n << 31n) - 1n],
  uint32: [0n, (1n << 32n) - 1n],
  fixed32: [0n, (1n << 32n) - 1n],
  int64: [-(1n << 63n), (1n << 63n) - 1n],
  sint64: [-(1n << 63n), (1n << 63n) - 1n],
  sfixed64: [-(1n << 63n), (1n << 63n) - 1n],
  uint64: [0n, (1n << 64n) - 1n],
  fixed64: [0n, (1n << 64n) - 1n],
};

for (const [type, [min, max]] of Object.entries(ranges) as [FieldType, readonly [bigint, bigint]][]) {
  test(`${type} is read as it was written`, (t) => {
    fc.assert(
      fc.property(fc.oneof(fc.bigInt({ min, max }), fc.constantFrom(min, max, 0n, 1n)), (value) => {
        const wide = type.endsWith('64');
        const bytes = message((out) => writeScalar(out, type, wide ? value : Number(value)));
        t.is(readScalar(type, bytes, 0), wide ? value : Number(value));
        if (Number.isSafeInteger(Number(value))) {
          t.deepEqual(
            message((out) => writeScalar(out, type, Number(value))),
            bytes,
          );
        }
      }),
    );
  });
}

test('the last occurrence that has the field counts, over split messages', (t) => {
  const bytes = message((out) => {
    for (const [id, limit] of [
      ['a', 1],
      ['b', 0],
      ['', 7],
    ] as const) {
      const start = out.open(2);
      if (id !== '') {
        out.tag(1, 2);
        out.string(id);
      }
      if (limit !== 0) {
        out.tag(2, 0);
        out.varint(limit);
      }
      out.close(start);
    }
  });
  checkMessageBytes(bytes, outer);
  t.is(readPath(bytes, path('filter', 'id')), 'b');
  t.is(readPath(bytes, path('filter', 'limit')), 7);
  t.is(readPath(bytes, path('text')), undefined);
  const limit = message((out) => {
    out.tag(2, 0);
    out.varint(300);
  });
  const replaced = replaceField(bytes, path('filter', 'limit'), limit);
  // One occurrence with both: "b" wins inside it.
  t.is(replaced.toString('hex'), '120' + '9' + '0a0161' + '0a0162' + '10ac02');
  t.is(replaceField(replaced, path('filter'), Buffer.alloc(0)).length, 0);
  t.is(replaceField(Buffer.alloc(0), path('filter', 'limit'), limit).toString('hex'), '120310ac02');
  t.is(replaceField(Buffer.alloc(0), path('filter', 'limit'), Buffer.alloc(0)).length, 0);
});

test('paths lead through proto2 groups, too, and groups stay groups', (t) => {
  const of: MessageShape = {
    name: 'Request',
    fields: [field(2, 'filter', 'group', { message: inner, presence: 'explicit' })],
  };
  const limit: FieldPath = { text: 'filter.limit', fields: [of.fields[0]!, inner.fields[1]!] };
  const bytes = Buffer.from('13' + '1005' + '14' + '13' + '0a0161' + '14', 'hex');
  checkMessageBytes(bytes, of);
  t.is(readPath(bytes, limit), 5);
  const replaced = replaceField(bytes, limit, Buffer.from('1007', 'hex'));
  t.is(replaced.toString('hex'), '13' + '0a0161' + '1007' + '14');
  t.is(
    replaceField(Buffer.alloc(0), limit, Buffer.from('1007', 'hex')).toString('hex'),
    '13' + '1007' + '14',
  );
});

test('tags of any length, over-long ones too, are known', (t) => {
  const long = [
    'a2010161',
    'a281000161',
    '8a8000' + '0161',
    'a901' + '0102030405060708',
    'c0bb01' + '05',
    'c0bb8100' + '05',
  ];
  t.notThrows(() => checkMessageBytes(Buffer.from(long.join(''), 'hex'), outer));
  for (const each of long) {
    const cut = Buffer.from(each, 'hex').subarray(0, -1);
    t.throws(() => checkMessageBytes(cut, outer), { instanceOf: WireFault }, each);
  }
});

test('malformed bytes that were not checked before are a fault, never an endless loop', (t) => {
  for (const hex of ['12', '1205', '0c', '120110', '00', 'ffffffffff']) {
    const bytes = Buffer.from(hex, 'hex');
    const ways = [
      () => readPath(bytes, path('filter', 'limit')),
      () => replaceField(bytes, path('filter', 'limit'), Buffer.alloc(0)),
    ];
    t.true(
      ways
        .map((way) => {
          try {
            way();
            return false;
          } catch (thrown) {
            return thrown instanceof WireFault;
          }
        })
        .includes(true),
      hex,
    );
  }
});

const faults: [string, string, RegExp, string, number][] = [
  ['a cut-off string', '0a0361', /runs past the end/, 'Request.text', 1],
  ['a tag without a value', '0a', /length that is cut off/, 'Request.text', 1],
  ['field number 0', '0200', /malformed tag/, 'Request', 0],
  ['wire type 7', '4f', /wire type 7/, 'Request.9', 1],
  ['a cut-off string with a long tag', 'a20103' + '61', /runs past the end/, 'Request.label', 2],
  ['a cut-off fixed value with a long tag', 'a901' + '00000000000000', /7 bytes where/, 'Request.at', 2],
  ['the wrong wire type with a long tag', 'a801' + '01', /wire type 0 where fixed64 has 1/, 'Request.at', 2],
  ['a cut-off varint with a longer tag', 'c0bb01' + 'ff', /varint that is cut off/, 'Request.far', 3],
  ['the wrong wire type', '0801', /wire type 0 where string has 2/, 'Request.text', 1],
  ['a fault in a nested message', '120310ff', /runs past/, 'Request.filter', 1],
  ['a cut-off varint in a nested message', '120210ff', /varint that is cut off/, 'Filter.limit', 3],
  ['a cut-off packed varint', '1a0201ff', /packed varint/, 'Request.ids', 3],
  ['an unknown group that is not closed', '4b0801', /group/, 'Request.9', 1],
  ['an end of a group without a beginning', '4c', /not begun/, 'Request.9', 1],
  ['an eleven-byte varint', '18ffffffffffffffffffff01', /varint/, 'Request.ids', 1],
];
for (const [what, hex, reason, name, offset] of faults) {
  test(`${what} is refused with its place`, (t) => {
    const thrown = t.throws(() => checkMessageBytes(Buffer.from(hex, 'hex'), outer), {
      instanceOf: WireFault,
    })!;
    t.regex(thrown.message, reason);
    t.is(thrown.field, name);
    t.is(thrown.offset, offset);
  });
}

test('messages that nest more than a hundred deep are refused, not followed', (t) => {
  const tree: MessageShape = { name: 'Tree', fields: [] };
  (tree.fields as FieldShape[]).push(field(1, 'child', 'message', { message: tree, typeName: 'Tree' }));
  const nested = (depth: number): Buffer => {
    let bytes: Buffer = Buffer.alloc(0);
    for (let i = 0; i < depth; i++)
      bytes = Buffer.concat([
        message((out) => {
          out.tag(1, 2);
          out.varint(bytes.length);
        }),
        bytes,
      ]);
    return bytes;
  };
  t.notThrows(() => checkMessageBytes(nested(100), tree));
  t.throws(() => checkMessageBytes(nested(101), tree), { instanceOf: WireFault, message: /nested/ });
  const groups = Buffer.concat([Buffer.alloc(101, 0x13), Buffer.alloc(101, 0x14)]);
  t.throws(() => checkMessageBytes(groups, tree), { instanceOf: WireFault });
  t.notThrows(() => checkMessageBytes(groups.subarray(1, -1), tree));
});
