import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { compilePlan } from '../../shared/schema/compile.ts';
import { loadDescriptors } from '../../shared/schema/descriptors.ts';
import { errorOf, withFiles } from './compile-text.ts';

const page = readFileSync(new URL('../../docs/reference/annotations.md', import.meta.url), 'utf8');

/** Every .proto of the page, with the error that follows it, if one does. */
const examples = [...page.matchAll(/```proto\n(.*?)```(?:\n```text\n(.*?)```)?/gs)].map(
  ([, proto, error]) => ({ proto: proto!, error }),
);

for (const [i, { proto, error }] of examples.entries()) {
  test(`example ${i + 1} of the page ${error === undefined ? 'compiles' : 'fails as it says'}`, (t) => {
    withFiles({ 'search.proto': proto }, (folder) => {
      const compile = () => compilePlan(loadDescriptors({ proto: join(folder, 'search.proto') }), undefined);
      if (error === undefined) t.true(compile().methods.length > 0);
      else t.is(errorOf(compile).message, error.trimEnd());
    });
  });
}

test('the page has examples of both kinds', (t) => {
  t.true(examples.filter(({ error }) => error === undefined).length >= 5);
  t.true(examples.filter(({ error }) => error !== undefined).length >= 2);
});

test('the page names every field of every annotation', (t) => {
  const annotations = withFiles(
    { 'a.proto': 'syntax = "proto3"; import "regather/v1/annotations.proto";' },
    (folder) => loadDescriptors({ proto: join(folder, 'a.proto') }),
  ).files.find(({ name }) => name === 'regather/v1/annotations.proto')!;
  const [scatter, merge] = annotations.messageType;
  const names = [...scatter!.field, ...merge!.field, ...merge!.nestedType.flatMap(({ field }) => field)].map(
    ({ name }) => name,
  );
  t.deepEqual(
    names.filter((name) => !new RegExp(`\`[^\`]*\\b${name}\\b`).test(page)),
    [],
  );
  t.true(names.length > 30);
});
