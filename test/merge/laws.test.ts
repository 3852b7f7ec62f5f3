import test from 'ava';
import fc from 'fast-check';
import { RegatherError } from '../../shared/errors/errors.ts';
import { compileMerger } from '../../shared/merge/compile.ts';
import type { MergeContext, Merger, Part } from '../../shared/merge/merger.ts';
import type { CustomReducer } from '../../shared/reducers/custom.ts';
import type { FieldType, MergeSpec, MethodPlan, WindowSpec } from '../../shared/schema/plan.ts';
import { Noise, type NoiseOptions, randomMessage } from './noise.ts';
import { everything } from './oracle/everything.ts';
import { field, finish, merge, message, method, order, partial, path, shape } from './shapes.ts';

interface Source {
  readonly shard: number;
  readonly payload: Buffer;
}

/** What a merge of these parts gives: the answer in hex, or the code of the error. */
function outcome(merger: Merger, parts: () => readonly Part[], context: MergeContext): string {
  try {
    return Buffer.from(merger.merge(parts(), context).payload).toString('hex');
  } catch (thrown) {
    if (!(thrown instanceof RegatherError)) throw thrown;
    return thrown.code;
  }
}

function staged(merger: Merger, sources: readonly Source[]): Part[] {
  return sources.map(({ shard, payload }) => merger.stage([shard], payload, []));
}

/** Puts the shards on random workers, each of which combines its own if it can. */
function placed(merger: Merger, noise: Noise, sources: readonly Source[], context: MergeContext): Part[] {
  const workers = Array.from({ length: 1 + noise.below(4) }, (): Source[] => []);
  for (const source of sources) noise.pick(workers).push(source);
  const parts: Part[] = [];
  for (const mine of workers) {
    const combined = mine.length < 2 ? undefined : merger.combine(noise.shuffle([...mine]), context);
    if (combined === undefined) parts.push(...staged(merger, mine));
    else {
      const shards = mine.map(({ shard }) => shard).sort((a, b) => a - b);
      parts.push(merger.stage(shards, combined.data, combined.segmentBytes));
    }
  }
  return noise.shuffle(parts);
}

const seeds = { numRuns: 150 };

function sourcesOf(noise: Noise, plan: MethodPlan, options: NoiseOptions): Source[] {
  return Array.from({ length: 1 + noise.below(6) }, (_, shard) => ({
    shard: shard * 3,
    payload: randomMessage(noise, plan.leaf.response, options),
  }));
}

function randomOptions(noise: Noise): NoiseOptions {
  return { density: noise.pick([0.1, 0.3, 0.7]), odd: noise.chance(0.6), extremes: noise.chance(0.2) };
}

test('G4: the answer depends neither on arrival order nor on where shards are combined, to the byte', (t) => {
  const plan = everything();
  const merger = compileMerger(plan, new Map());
  let answers = 0;
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const noise = new Noise(seed);
      const sources = sourcesOf(noise, plan, randomOptions(noise));
      const windows = [
        { offset: noise.below(3), limit: 1 + noise.below(5) },
        { offset: noise.below(2), limit: noise.pick([2, Infinity]) },
      ];
      const final: MergeContext = { windows, orders: [undefined], final: noise.chance(0.8) };
      // Workers keep what the window may need and nothing less, and know nothing of orders.
      const atWorkers: MergeContext = {
        windows: [
          { offset: 0, limit: windows[0]!.offset + windows[0]!.limit },
          { offset: 0, limit: Infinity },
        ],
        orders: [undefined],
        final: false,
      };
      const alone = outcome(merger, () => staged(merger, sources), final);
      if (/^[0-9a-f]*$/.test(alone)) answers++;
      for (let i = 0; i < 3; i++) {
        t.is(
          outcome(merger, () => placed(merger, noise, sources, atWorkers), final),
          alone,
        );
      }
    }),
    seeds,
  );
  // Four in ten do; the others disagree or overflow. Six standard deviations below that is no accident.
  t.true(answers > seeds.numRuns / 6, `only ${answers} runs gave an answer`);
});

const item = shape('Item', field(1, 'id', 'string'), field(2, 'score', 'double'), field(3, 'rank', 'int64'));
const counted = message(
  'Counted',
  merge(field(1, 'name', 'string'), { kind: 'key' }, true),
  merge(field(2, 'count', 'int64'), { kind: 'sum' }, true),
);
const weighed = message(
  'Weighed',
  merge(field(1, 'name', 'string'), { kind: 'key' }, true),
  merge(field(2, 'weight', 'double'), { kind: 'sum' }, false),
);
const intEntry = shape('Entry', field(1, 'key', 'string'), field(2, 'value', 'int64'));
const sumOf: MergeSpec = { kind: 'sum' };

const largestThree: CustomReducer = {
  name: 'largest-three',
  free: true,
  merge: (values) => (values.flat() as bigint[]).sort((a, b) => (a < b ? 1 : a > b ? -1 : 0)).slice(0, 3),
};

/** One field each, so that every reducer's laws are tried on their own. */
const window: WindowSpec = {
  limit: path(item, 'rank'),
  defaultLimit: 10,
  maxWindow: 100,
  shardsGet: 'window',
};
const subjects: [string, MethodPlan, { free: boolean }][] = [];
function subject(name: string, type: FieldType, spec: MergeSpec, free: boolean, more: object = {}): void {
  subjects.push([
    name,
    method(message('Answer', merge(field(1, 'it', type, more), spec, free)), [window]),
    { free },
  ]);
}
const explicit = { presence: 'explicit' as const };
for (const type of ['int32', 'sint64', 'fixed64', 'uint32'] as const)
  subject(`sum of ${type}`, type, sumOf, true);
subject('sum of optional int64', 'int64', sumOf, true, explicit);
subject('sum of double', 'double', sumOf, false);
for (const kind of ['min', 'max'] as const) {
  for (const type of ['double', 'float', 'uint64', 'sint32', 'string', 'enum'] as const) {
    subject(`${kind} of ${type}`, type, { kind }, true, explicit);
  }
}
for (const kind of ['any', 'all'] as const) {
  subject(kind, 'bool', { kind }, true);
  subject(`optional ${kind}`, 'bool', { kind }, true, explicit);
}
subject('first', 'string', { kind: 'first' }, false, explicit);
subject('first of messages', 'message', { kind: 'first' }, false, { message: item });
subject('same, ordered', 'enum', { kind: 'same' }, false, explicit);
subject('same, free', 'double', { kind: 'same' }, true, explicit);
subject('concat', 'int64', { kind: 'concat' }, false, { repeated: true });
subject('union of doubles', 'double', { kind: 'union', by: [] }, true, { repeated: true });
subject('union of strings', 'string', { kind: 'union', by: [] }, true, { repeated: true });
subject('union of messages', 'message', { kind: 'union', by: [] }, true, { repeated: true, message: item });
subject('keyed union', 'message', { kind: 'union', by: [path(item, 'id')] }, false, {
  repeated: true,
  message: item,
});
subject('top', 'message', { kind: 'top', by: order(item, 'score desc, id'), window: 0 }, true, {
  repeated: true,
  message: item,
});
subject(
  'free group',
  'message',
  { kind: 'group', by: [path(counted.shape, 'name')], item: counted, order: [] },
  true,
  {
    repeated: true,
    message: counted.shape,
  },
);
subject(
  'ordered group',
  'message',
  { kind: 'group', by: [path(weighed.shape, 'name')], item: weighed, order: [] },
  false,
  {
    repeated: true,
    message: weighed.shape,
  },
);
subject('map', 'message', { kind: 'map', values: merge(intEntry.fields[1]!, sumOf, true) }, true, {
  repeated: true,
  message: intEntry,
  isMap: true,
});
const totals = message(
  'Totals',
  merge(field(1, 'count', 'int64'), { kind: 'sum' }, true),
  merge(field(2, 'most', 'sint32', explicit), { kind: 'max' }, true),
);
subject('nested', 'message', { kind: 'message', merge: totals }, true, { message: totals.shape });
subject('free custom', 'int64', { kind: 'custom', name: 'largest-three', options: '' }, true, {
  repeated: true,
});

const registry = new Map([[largestThree.name, largestThree]]);
for (const [name, plan, { free }] of subjects) {
  const merger = compileMerger(plan, registry);
  const open: MergeContext = { windows: [{ offset: 0, limit: 3 }], orders: [], final: false };
  const close: MergeContext = { ...open, final: true };

  test(`laws of ${name}: order of parts, placement, neutral element`, (t) => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const noise = new Noise(seed);
        const sources = sourcesOf(noise, plan, { density: 0.8, odd: noise.chance(0.5), extremes: false });
        const alone = outcome(merger, () => staged(merger, sources), close);
        t.is(
          outcome(merger, () => noise.shuffle(staged(merger, sources)), close),
          alone,
          'order of parts',
        );
        t.is(
          outcome(merger, () => placed(merger, noise, sources, open), close),
          alone,
          'placement',
        );
        const nothing = { shard: 1000, payload: Buffer.alloc(0) };
        const isNeutral = name !== 'all' && name !== 'free custom';
        if (isNeutral) {
          t.is(
            outcome(merger, () => staged(merger, [...sources, nothing]), close),
            alone,
            'neutral element',
          );
        }
      }),
      { numRuns: 60 },
    );
  });

  if (!free) continue;
  test(`laws of ${name}: a merge of merges is the merge of all`, (t) => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const noise = new Noise(seed);
        const sources = sourcesOf(noise, plan, { density: 0.8, odd: noise.chance(0.5), extremes: false });
        const alone = outcome(merger, () => staged(merger, sources), close);
        // Roots below a root, each over any of the shards; one merges twice on the way.
        const below = (mine: Source[], shard: number): Source => ({
          shard,
          payload: Buffer.from(merger.merge(staged(merger, mine), open).payload),
        });
        const roots: Source[][] = [[], [], []];
        for (const source of sources) noise.pick(roots).push(source);
        const tree = () => {
          const partials = roots.filter((mine) => mine.length > 0).map(below);
          return staged(merger, partials.length > 1 ? [below(partials.slice(1), 1), partials[0]!] : partials);
        };
        let nested: string;
        try {
          nested = outcome(merger, tree, close);
        } catch (thrown) {
          nested = RegatherError.from(thrown).code;
        }
        t.is(nested, alone);
      }),
      { numRuns: 60 },
    );
  });
}

test('partials that are cut off or changed at random are refused or merged, and nothing else', (t) => {
  const plan = everything();
  const merger = compileMerger(plan, new Map());
  let refused = 0;
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const noise = new Noise(seed);
      const [a, b] = [0, 1].map(() =>
        Buffer.from(randomMessage(noise, plan.leaf.response, { density: 0.3, odd: true, extremes: false })),
      ) as [Buffer, Buffer];
      for (let i = 0; i < 20; i++) {
        let broken = Buffer.from(a);
        if (noise.chance(0.3)) broken = broken.subarray(0, noise.below(broken.length + 1));
        else
          for (let j = 0; j <= noise.below(3) && broken.length > 0; j++)
            broken[noise.below(broken.length)] = noise.below(256);
        try {
          const combined = merger.combine(
            [
              { shard: 0, payload: broken },
              { shard: 1, payload: b },
            ],
            {
              windows: [
                { offset: 0, limit: 5 },
                { offset: 0, limit: Infinity },
              ],
              orders: [undefined],
              final: false,
            },
          );
          if (combined !== undefined) merger.stage([0, 1], combined.data, combined.segmentBytes);
          const parts = [merger.stage([0], broken, []), merger.stage([1], b, [])];
          merger.merge(parts, {
            windows: [
              { offset: 1, limit: 5 },
              { offset: 0, limit: 2 },
            ],
            orders: [undefined],
            final: true,
          });
        } catch (thrown) {
          if (!(thrown instanceof RegatherError)) throw thrown;
          if (thrown.code === 'PARTIAL_MALFORMED') refused++;
          t.true(
            ['PARTIAL_MALFORMED', 'MERGE_OUT_OF_RANGE', 'MERGE_DISAGREEMENT'].includes(thrown.code),
            thrown.message,
          );
        }
      }
    }),
    { numRuns: 150 },
  );
  t.true(refused > 100);
});

test('combined parts with wrong segments are refused', (t) => {
  const plan = everything();
  const merger = compileMerger(plan, new Map());
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const noise = new Noise(seed);
      const payload = randomMessage(noise, plan.leaf.response, { density: 0.2, odd: false, extremes: false });
      const lengths = Array.from({ length: noise.below(4) }, () => noise.below(payload.length + 1));
      try {
        const part = merger.stage([2, 5, 6], payload, lengths);
        merger.merge([part], {
          ...finish,
          windows: [
            { offset: 0, limit: 1 },
            { offset: 0, limit: 1 },
          ],
        });
      } catch (thrown) {
        t.true(thrown instanceof RegatherError && thrown.code !== 'INTERNAL', String(thrown));
      }
    }),
    seeds,
  );
  const error = t.throws(() => merger.stage([2, 5], Buffer.from('0801', 'hex'), [1, 2]), {
    instanceOf: RegatherError,
  })!;
  t.is(error.code, 'PARTIAL_MALFORMED');
  t.deepEqual(error.shards, [2, 5]);
  t.is(Buffer.from(merger.merge([], partial).payload).length, 0);
});
