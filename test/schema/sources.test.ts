import { join } from 'node:path';
import test from 'ava';
import { loadDescriptors } from '../../shared/schema/descriptors.ts';
import { errorOf, withFiles } from './compile-text.ts';

const p3 = 'syntax = "proto3";\n';
const names = (proto: string, includeDirs: readonly string[] = []): string[] =>
  loadDescriptors({ proto, includeDirs }).files.map(({ name }) => name);

test('a file is named from the include dir that it is in, or else by its base name', (t) => {
  withFiles({ 'proto/acme/v1/a.proto': p3 }, (folder) => {
    const path = join(folder, 'proto/acme/v1/a.proto');
    t.deepEqual(names(path), ['a.proto']);
    t.deepEqual(names(path, [join(folder, 'other')]), ['a.proto']);
    t.deepEqual(names(path, [join(folder, 'proto')]), ['acme/v1/a.proto']);
    t.deepEqual(names(path, [join(folder, 'proto/acme'), join(folder, 'proto')]), ['v1/a.proto']);
  });
});

test('imports come from the include dirs in their order, then from the own folder', (t) => {
  const files = {
    'own/a.proto': `${p3}import "b.proto"; message A { B b = 1; }`,
    'own/b.proto': `${p3}message B { int32 own = 1; }`,
    'one/b.proto': `${p3}message B { int32 one = 1; }`,
    'two/b.proto': `${p3}message B { int32 two = 1; }`,
  };
  withFiles(files, (folder) => {
    const field = (...dirs: string[]): string | undefined =>
      loadDescriptors({
        proto: join(folder, 'own/a.proto'),
        includeDirs: dirs.map((dir) => join(folder, dir)),
      }).files[0]!.messageType[0]!.field[0]!.name;
    t.is(field(), 'own');
    t.is(field('two', 'one'), 'two');
    t.is(field('one', 'two'), 'one');
  });
});

test('a stale copy of the annotations does not shadow ours', (t) => {
  const files = {
    'a.proto': `${p3}import "regather/v1/annotations.proto"; message R { int64 n = 1 [(regather.v1.merge).sum = {}]; }`,
    'regather/v1/annotations.proto': `${p3}package regather.v1;`,
  };
  withFiles(files, (folder) => {
    t.deepEqual(names(join(folder, 'a.proto'), [folder]), [
      'google/protobuf/descriptor.proto',
      'regather/v1/annotations.proto',
      'a.proto',
    ]);
  });
});

test("protobuf's own files are built in, and may be overridden", (t) => {
  const text = `${p3}import "google/protobuf/timestamp.proto"; message A { google.protobuf.Timestamp at = 1; }`;
  const other = `${p3}package google.protobuf; message Timestamp { int32 other = 1; }`;
  withFiles({ 'a.proto': text }, (folder) => {
    t.is(loadDescriptors({ proto: join(folder, 'a.proto') }).files[0]!.messageType[0]!.field.length, 2);
  });
  withFiles({ 'a.proto': text, 'google/protobuf/timestamp.proto': other }, (folder) => {
    t.is(loadDescriptors({ proto: join(folder, 'a.proto') }).files[0]!.messageType[0]!.field.length, 1);
  });
});

test('errors in an import name the import', (t) => {
  withFiles(
    { 'a.proto': `${p3}import "sub/b.proto";`, 'sub/b.proto': `${p3}message B {\n  C c = 1;\n}` },
    (folder) => {
      t.is(
        errorOf(() => loadDescriptors({ proto: join(folder, 'a.proto') })).message,
        'sub/b.proto:3: "C", used by "B.c", is not defined.',
      );
    },
  );
});

test('one file has one name', (t) => {
  for (const name of ['./b.proto', '../b.proto', 'sub//b.proto', '/b.proto', 'sub\\\\b.proto']) {
    withFiles({ 'a.proto': `${p3}import "${name}";` }, (folder) => {
      const { message } = errorOf(() => loadDescriptors({ proto: join(folder, 'a.proto') }));
      t.regex(message, /^a\.proto:2: Import ".*" must be a path from an include directory/, name);
    });
  }
});

test('files with a byte order mark and Windows line ends keep their lines', (t) => {
  withFiles({ 'a.proto': `\ufeff${p3}message A {\r\n  // x\r\n  B b = 1;\r\n}` }, (folder) => {
    t.is(errorOf(() => loadDescriptors({ proto: join(folder, 'a.proto') })).line, 4);
  });
});
