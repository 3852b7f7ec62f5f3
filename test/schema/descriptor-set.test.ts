import { join } from 'node:path';
import test from 'ava';
import { compilePlan } from '../../shared/schema/compile.ts';
import { concat, delimited, encode, records } from '../../shared/schema/descriptor/codec.ts';
import {
  type FieldDesc,
  type FileDesc,
  fileTable,
  freshFile,
  freshMessage,
} from '../../shared/schema/descriptor/messages.ts';
import { type Descriptors, loadDescriptors, readDescriptorSet } from '../../shared/schema/descriptors.ts';
import { formatPlan } from '../../shared/schema/format.ts';
import type { FieldShape } from '../../shared/schema/plan.ts';
import { Shapes } from '../../shared/schema/shapes.ts';
import { needs } from '../kit/debian.ts';
import { protoc } from '../kit/protoc.ts';
import { compileText, errorOf, withFiles } from './compile-text.ts';

const compare = needs(test, 'protobuf-compiler');

const text = `syntax = "proto3";
package a.v1;
import "regather/v1/annotations.proto";
message Q {}
message R {
  int64 total = 1 [(regather.v1.merge).sum = {}];
}
service S {
  rpc All(Q) returns (R) { option (regather.v1.scatter).to = ALL; option (regather.v1.scatter).timeout_ms = 7; }
}
`;

const set = (...files: FileDesc[]): Uint8Array =>
  concat(files.map((file) => delimited(1, encode(fileTable, file))));

function fromProtoc(proto: string, ...flags: string[]): Descriptors {
  return withFiles({ 'a.proto': proto }, (folder) => {
    const bytes = protoc('a.proto', [folder, 'proto'], ...flags);
    if (typeof bytes === 'string') throw new Error(bytes);
    return withFiles({ 'set.bin': bytes }, (other) =>
      loadDescriptors({ descriptor: join(other, 'set.bin') }),
    );
  });
}

compare('a set made by protoc gives the plan that the .proto gives', (t) => {
  const [theirs, ours] = [fromProtoc(text, '--include_source_info'), compileText(text)];
  const plain = (descriptors: Descriptors): string =>
    formatPlan(compilePlan(descriptors, undefined)).replace(/[^ ]*a\.proto/, 'a.proto');
  t.is(plain(theirs), plain(ours));
});

compare('with source info errors name lines, without it files', (t) => {
  const broken = text.replace('.sum = {}', '.max = {}');
  const error = (...flags: string[]) =>
    errorOf(() => compilePlan(fromProtoc(broken, ...flags), 'a.v1.S')).message;
  t.regex(error('--include_source_info'), /^a\.proto:6: a\.v1\.R\.total: max needs explicit presence/);
  t.regex(error(), /^a\.proto: a\.v1\.R\.total: max needs explicit presence/);
});

compare('two members of a oneof, which protoc lets pass in two statements, are refused in the plan', (t) => {
  const both = text.replace('.sum = {}', '.sum = {}, (regather.v1.merge).max = {}');
  const { message } = errorOf(() => compilePlan(fromProtoc(both), undefined));
  t.is(message, 'a.proto: a.v1.R.total: has several merges: sum and max.');
});

test('files come dependencies first, with the bytes that they came with', (t) => {
  const { bytes } = compileText(text);
  const files = records(bytes).map((record) => record.bytes);
  const reversed = concat([...files].reverse().map((file) => delimited(1, file)));
  t.deepEqual(Buffer.from(readDescriptorSet(reversed, 'set').bytes), Buffer.from(bytes));
});

test('options that nobody here knows are kept', (t) => {
  const file = { ...freshFile('a.proto'), options: Uint8Array.of(0xca, 0x3e, 1, 7) };
  const unknown = concat([encode(fileTable, file), delimited(8042, Uint8Array.of(1, 2, 3))]);
  const { bytes } = readDescriptorSet(delimited(1, unknown), 'set');
  t.deepEqual(Buffer.from(bytes), Buffer.from(delimited(1, unknown)));
});

test('a set that is none, lacks an import or is damaged is told', (t) => {
  const message = (bytes: Uint8Array, path = 'set.bin') =>
    errorOf(() => readDescriptorSet(bytes, path)).message;
  t.is(
    message(Buffer.from('syntax = "proto3";'), 'a.proto'),
    'a.proto: Not a FileDescriptorSet: wire type 7 at byte 12. Is it a .proto? Then it goes by service.proto.',
  );
  t.is(message(new Uint8Array(0)), 'set.bin: The descriptor set is empty.');
  t.is(
    message(set({ ...freshFile('a.proto'), dependency: ['b.proto'] })),
    'set.bin: "a.proto" imports "b.proto", which the descriptor set lacks. Make it with --include_imports (protoc), or with buf build.',
  );
  t.is(
    message(
      set(
        { ...freshFile('a.proto'), dependency: ['b.proto'] },
        { ...freshFile('b.proto'), dependency: ['a.proto'] },
      ),
    ),
    'set.bin: "a.proto" imports itself, by way of "b.proto".',
  );
  const withField = (field: Partial<FieldDesc>): Uint8Array => {
    const base: FieldDesc = { name: 'f', number: 1, label: 1, type: 5, ...field };
    return set({ ...freshFile('a.proto'), messageType: [{ ...freshMessage('M'), field: [base] }] });
  };
  t.is(
    message(withField({ type: 11, typeName: '.X' })),
    'set.bin: The descriptor set is damaged: "M.f" is of message ".X", which isn\'t there.',
  );
  t.is(
    message(withField({ type: 14, typeName: '.M' })),
    'set.bin: The descriptor set is damaged: "M.f" is of enum ".M", which isn\'t there.',
  );
  t.is(
    message(withField({ type: 0 })),
    'set.bin: The descriptor set is damaged: "M.f" has type 0, which isn\'t one.',
  );
  t.is(
    message(withField({ oneofIndex: 0 })),
    'set.bin: The descriptor set is damaged: "M.f" is in a oneof that isn\'t there.',
  );
  t.is(
    message(withField({ options: Uint8Array.of(8) })),
    'set.bin: The descriptor set is damaged: the options of "M.f" don\'t decode (truncated at byte 1).',
  );
  t.is(
    errorOf(() => loadDescriptors({ descriptor: 'nowhere.bin' })).message,
    "nowhere.bin: Can't read the descriptor set: no such file.",
  );
});

test('any damage to a set is PROTO_INVALID or harmless, never a crash', (t) => {
  const { bytes } = compileText(text);
  const became = { refused: 0, harmless: 0 };
  for (let at = 0; at < bytes.length; at += 11) {
    const damaged = Uint8Array.from(bytes);
    damaged[at] = damaged[at]! ^ (1 << (at % 8));
    try {
      compilePlan(readDescriptorSet(damaged, 'set.bin'), undefined);
      became.harmless++;
    } catch (error) {
      became.refused++;
      t.is((error as Error).name, 'RegatherError', `byte ${at}: ${(error as Error).stack}`);
    }
  }
  t.true(became.refused > 20 && became.harmless > 20, JSON.stringify(became));
});

test("an annotation of a later version isn't passed over", (t) => {
  const known = compileText(text);
  const files = known.files.map((file) => {
    if (file.name !== 'a.proto') return file;
    const [q, r] = file.messageType;
    const field = { ...r!.field[0]!, options: delimited(57077, delimited(99, new Uint8Array(0))) };
    return { ...file, messageType: [q!, { ...r!, field: [field] }] };
  });
  const { message } = errorOf(() => compilePlan(readDescriptorSet(set(...files), 'set'), undefined));
  t.is(
    message,
    'a.proto: a.v1.R.total: its merge has a field 99 that this version of Regather does not know.',
  );
});

test('editions: features decide presence, packing and framing, from file to message to field', (t) => {
  const features = (of: number, ...pairs: number[]): Uint8Array => delimited(of, Uint8Array.from(pairs));
  const field = (name: string, number: number, more: Partial<FieldDesc> = {}): FieldDesc => ({
    name,
    number,
    label: 1,
    type: 5,
    ...more,
  });
  const message = { type: 11, typeName: '.M' };
  const file: FileDesc = {
    ...freshFile('a.proto'),
    syntax: 'editions',
    edition: 1000,
    messageType: [
      {
        ...freshMessage('M'),
        field: [
          field('plain', 1),
          field('implicit', 2, { options: features(21, 8, 2) }),
          field('list', 3, { label: 3 }),
          field('expanded', 4, { label: 3, options: features(21, 24, 2) }),
          field('framed', 5, message),
          field('delimited', 6, { ...message, options: features(21, 40, 2) }),
          field('required', 7, { options: features(21, 8, 3) }),
        ],
      },
      {
        ...freshMessage('N'),
        options: features(12, 8, 2, 24, 2),
        field: [field('a', 1), field('b', 2, { options: features(21, 8, 1) }), field('c', 3, { label: 3 })],
      },
    ],
  };
  const look = (descriptors: Descriptors, name: string): string[] =>
    new Shapes(descriptors)
      .message(name)
      .fields.map((shape: FieldShape) => `${shape.presence} ${shape.packed ? 'packed ' : ''}${shape.type}`);
  const descriptors = readDescriptorSet(set(file), 'set');
  t.deepEqual(look(descriptors, 'M'), [
    'explicit int32',
    'implicit int32',
    'explicit packed int32',
    'explicit int32',
    'explicit message',
    'explicit group',
    'explicit int32',
  ]);
  t.deepEqual(look(descriptors, 'N'), ['implicit int32', 'explicit int32', 'implicit int32']);
  const inherited = readDescriptorSet(set({ ...file, options: features(50, 8, 2, 40, 2) }), 'set');
  t.deepEqual(look(inherited, 'M').slice(0, 6), [
    'implicit int32',
    'implicit int32',
    'implicit packed int32',
    'implicit int32',
    'explicit group',
    'explicit group',
  ]);
});
