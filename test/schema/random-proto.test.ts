import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { loadDescriptors, readDescriptorSet } from '../../shared/schema/descriptors.ts';
import { needs } from '../kit/debian.ts';
import { protoc } from '../kit/protoc.ts';
import { withFiles } from './compile-text.ts';
import { differences } from './differences.ts';
import { randomProto } from './random-proto.ts';

/** Decisions from a list of numbers; when they run out, always the first choice. */
function picker(numbers: readonly number[]): (n: number) => number {
  let at = 0;
  return (n) => (numbers[at++] ?? 0) % n;
}

const decisions = fc.array(fc.nat(), { minLength: 40, maxLength: 400, size: 'max' });

needs(test, 'protobuf-compiler')('a random .proto compiles to what protoc makes of it', (t) => {
  fc.assert(
    fc.property(decisions, (numbers) => {
      const text = randomProto(picker(numbers));
      withFiles({ 'a.proto': text }, (folder) => {
        const theirs = protoc('a.proto', [folder]);
        if (typeof theirs === 'string') throw new Error(`${theirs}\n${text}`);
        const ours = loadDescriptors({ proto: join(folder, 'a.proto') });
        const found = differences(ours.bytes, theirs);
        if (found.length > 0) throw new Error(`${found.join('\n')}\n${text}`);
      });
    }),
    { numRuns: 40, includeErrorInReport: true },
  );
  t.pass();
});

test('what is compiled can be read back', (t) => {
  fc.assert(
    fc.property(decisions, (numbers) => {
      withFiles({ 'a.proto': randomProto(picker(numbers)) }, (folder) => {
        const { bytes, files } = loadDescriptors({ proto: join(folder, 'a.proto') });
        const again = readDescriptorSet(bytes, 'set');
        t.deepEqual(Buffer.from(again.bytes), Buffer.from(bytes));
        t.is(again.files.length, files.length);
      });
    }),
    { numRuns: 40, includeErrorInReport: true },
  );
});
