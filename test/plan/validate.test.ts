import test from 'ava';
import type { MessageShape } from '../../shared/schema/plan.ts';
import { WireFault } from '../../shared/wire/fault.ts';
import { validateMessage } from '../../shared/wire/validate.ts';
import { field, message } from './shapes.ts';

const node: MessageShape = message(
  'test.Node',
  field('id', 1, 'string'),
  field('count', 2, 'int64'),
  field('weight', 3, 'double'),
  field('small', 4, 'fixed32'),
  field('child', 5, 'message', { message: () => node }),
  field('numbers', 6, 'int32', { repeated: true, packed: true }),
  field('points', 7, 'double', { repeated: true, packed: true }),
  field('names', 8, 'string', { repeated: true }),
  field('far', 100_000, 'uint32'),
  field('old', 9, 'group', { message: () => node }),
);

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

const good: readonly [what: string, bytes: string][] = [
  ['nothing', ''],
  [
    'one of each',
    '0a0161 1005 190000000000000000 2501000000 2a020a00 3202 0102 3a08 0000000000000000 42016a',
  ],
  ['an unpacked list declared packed', '3001 3002'],
  ['a ten-byte varint', '10ffffffffffffffffff01'],
  ['a number far away', '80ea3005'],
  ['unknown fields of every wire type', 'f00101 f1010000000000000000 f20100 f3010801f401 f50100000000'],
  ['a group', '4b 1005 4c'],
  ['a hundred nested groups', '4b'.repeat(100) + '4c'.repeat(100)],
];

for (const [what, bytes] of good) {
  test(`${what} passes`, (t) => {
    const buffer = hex(bytes);
    t.notThrows(() => validateMessage(buffer, 0, buffer.length, node));
  });
}

const bad: readonly [what: string, bytes: string, field: string, offset: number][] = [
  ['a cut tag', '0a0161 80', 'test.Node', 3],
  ['a tag of six bytes', '888080808001 00', 'test.Node', 0],
  ['field number 0', '0500000000', 'test.Node', 0],
  ['wire type 6', '0e', 'test.Node.id', 1],
  ['wire type 7 of an unknown field', 'f70100', 'test.Node.30', 2],
  ['a string as varint', '1001 0805', 'test.Node.id', 3],
  ['an integer as length', '1200', 'test.Node.count', 1],
  ['a cut varint', '10 ffff', 'test.Node.count', 1],
  ['an eleven-byte varint', '10ffffffffffffffffffff01', 'test.Node.count', 1],
  ['a cut double', '19 000000', 'test.Node.weight', 1],
  ['a cut fixed32', '25 00', 'test.Node.small', 1],
  ['a string longer than what is left', '0a0561', 'test.Node.id', 1],
  ['no length', '0a', 'test.Node.id', 1],
  ['a fault in a nested message', '1005 2a05 0a0161 1080', 'test.Node.count', 8],
  ['a child that takes from its parent', '2a01 0a 00', 'test.Node.id', 3],
  ['a cut packed varint', '3202 0180', 'test.Node.numbers', 3],
  ['packed doubles of 7 bytes', '3a07 00000000000000', 'test.Node.points', 2],
  ['a group without end', '4b 1005', 'test.Node.old', 1],
  ['an end without a group', '4c', 'test.Node.old', 1],
  ['another end', '4b f401', 'test.Node.old', 1],
  ['101 nested groups', '4b'.repeat(101) + '4c'.repeat(101), 'test.Node.old', 1],
];

for (const [what, bytes, place, offset] of bad) {
  test(`${what} is named`, (t) => {
    const buffer = hex(bytes);
    const thrown = t.throws(() => validateMessage(buffer, 0, buffer.length, node), { instanceOf: WireFault });
    t.is(thrown?.field, place);
    t.is(thrown?.offset, offset);
  });
}
