import { execFile } from 'node:child_process';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { RegatherError } from '../../shared/errors/errors.ts';
import type { MethodPlan } from '../../shared/schema/plan.ts';
import { needs, python } from '../kit/debian.ts';
import { methodOf, plan, service } from './plans.ts';
import { blob, keyRequest, limitRequest, mutated } from './wire-requests.ts';

interface Verdict {
  readonly case: unknown;
  readonly why: string;
}

/** What Python's protobuf finds wrong with the cases. */
function judge(cases: readonly object[]): Promise<readonly Verdict[]> {
  const descriptorSet = Buffer.from(service.descriptorSet).toString('base64');
  return new Promise((resolve, reject) => {
    const script = new URL('oracle.py', import.meta.url).pathname;
    const child = execFile(python, [script], { maxBuffer: 2 ** 26 }, (error, stdout) => {
      if (error === null) resolve(JSON.parse(stdout));
      else reject(error);
    });
    // A script that ends before it has read everything tells why by its exit; EPIPE would hide it.
    child.stdin!.on('error', () => {});
    child.stdin!.end(JSON.stringify({ descriptorSet, cases }));
  });
}

async function agree(t: ExecutionContext, seed: number, cases: readonly object[]): Promise<void> {
  const wrong = await judge(cases);
  t.deepEqual(wrong.slice(0, 2), [], `seed ${seed}, ${cases.length} cases`);
}

const withPython = needs(test, 'python3-protobuf');

function newSeed(): number {
  return Math.floor(Math.random() * 2 ** 31);
}

const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

withPython('rewriting limits is decoding, changing and encoding', async (t) => {
  const seed = newSeed();
  const cases: object[] = [];
  for (const request of fc.sample(limitRequest, { numRuns: 400, seed })) {
    for (const method of ['Top', 'PagedTop', 'Group', 'PagedGroup', 'TwoTops', 'TopAndGroup']) {
      const { payload, context } = plan(method, request);
      const edits: Record<string, number | null> = {};
      for (const [i, { limit, offset, shardsGet }] of methodOf(method).windows.entries()) {
        const window = context.windows[i]!;
        const isAll = shardsGet === 'all' || edits[limit.text] === null;
        edits[limit.text] = isAll ? null : Math.max(edits[limit.text] ?? 0, window.offset + window.limit);
        if (offset !== undefined) {
          const reset = shardsGet === 'all' ? null : 0;
          // Putting a 0 into a message that is absent would make it; nobody needs that.
          if (window.offset !== 0 || reset === null) edits[offset.text] = reset;
        }
      }
      cases.push({ kind: 'rewrite', method, request: hexOf(request), leaf: hexOf(payload), edits });
    }
  }
  await agree(t, seed, cases);
});

withPython('the pieces of a SPLIT request are complete, disjoint, and otherwise the request', async (t) => {
  const seed = newSeed();
  const cases: object[] = [];
  for (const request of fc.sample(keyRequest, { numRuns: 400, seed })) {
    for (const [method, path] of [
      ['SplitIds', 'ids'],
      ['SplitNumbers', 'numbers'],
      ['SplitSmall', 'small'],
      ['SplitNested', 'nested.ids'],
    ] as const) {
      const { tasks, context } = plan(method, request);
      const pieces = tasks.map((task) => ({ shard: task.shard, request: hexOf(task.payload!) }));
      const asked = context.asked!.map(({ shard, index }) => [shard, index]);
      cases.push({ kind: 'split', request: hexOf(request), path, pieces, asked });
    }
  }
  await agree(t, seed, cases);
});

withPython(
  'requests are taken exactly if protobuf takes them, but for known fields of another wire type',
  async (t) => {
    const seed = newSeed();
    const cases: object[] = [];
    let taken = 0;
    for (const request of [
      ...fc.sample(mutated(blob), { numRuns: 1500, seed }),
      ...fc
        .sample(fc.uint8Array({ maxLength: 12 }), { numRuns: 500, seed })
        .map((bytes) => Buffer.from(bytes)),
    ]) {
      let valid = true;
      try {
        plan('AllBlob', request);
        taken++;
      } catch (thrown) {
        t.true(thrown instanceof RegatherError);
        const { message } = thrown as RegatherError;
        // protobuf takes such a field for an unknown one; here it is the client's mistake.
        if (/wire type \d where/.test(message)) continue;
        // Python's reader ends the message in silence where it can't read a tag, or at the end of no group.
        if (/a malformed tag|end of a group that was not begun/.test(message)) continue;
        valid = false;
      }
      cases.push({ kind: 'valid', request: hexOf(request), valid });
    }
    t.true(taken > 50 && taken < 1950, `${taken} of 2000 taken`);
    await agree(t, seed, cases);
  },
);

test('whatever the bytes, there is a plan or a RegatherError about the request', (t) => {
  const methods = service.methods.filter((method: MethodPlan) => method.scatter.to !== 'NONE');
  const request = fc.oneof(mutated(limitRequest), mutated(keyRequest), fc.uint8Array({ maxLength: 40 }));
  fc.assert(
    fc.property(request, fc.constantFrom(...methods), fc.boolean(), (bytes, method, leaf) => {
      try {
        const { tasks } = plan(method.name, Buffer.from(bytes), leaf);
        return tasks.every(
          ({ shard }, i) => shard >= 0 && shard < 8 && (i === 0 || shard > tasks[i - 1]!.shard),
        );
      } catch (thrown) {
        return thrown instanceof RegatherError && thrown.code.startsWith('REQUEST_') && thrown.grpc === 3;
      }
    }),
    { numRuns: 3000 },
  );
  t.pass();
});
