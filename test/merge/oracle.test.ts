import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'ava';
import { RegatherError } from '../../shared/errors/errors.ts';
import { compileMerger } from '../../shared/merge/compile.ts';
import type { MergeContext } from '../../shared/merge/merger.ts';
import { parseOrder } from '../../shared/schema/paths.ts';
import { needs, python } from '../kit/debian.ts';
import { pythonMessages } from '../kit/python-messages.ts';
import { Noise, type NoiseOptions, randomMessage } from './noise.ts';
import { everything } from './oracle/everything.ts';

const oracle = needs(test, 'protobuf-compiler', 'python3-protobuf');

const cases = 600;
const orders = [undefined, 'count desc', 'most, mean desc', 'year desc'];

oracle("random partials merge as Python's protobuf and a plain reference merge them", (t) => {
  const method = everything();
  const merger = compileMerger(method, new Map());
  const item = method.orders[0]!.item;
  const input: string[] = [];
  for (let seed = 0; seed < cases; seed++) {
    const noise = new Noise(seed);
    const options: NoiseOptions = {
      density: noise.pick([0.05, 0.2, 0.6]),
      odd: seed % 3 !== 0,
      extremes: noise.chance(0.3),
    };
    const count = 1 + noise.below(5);
    const partials = Array.from({ length: count }, (_, shard) => ({
      shard,
      payload: randomMessage(noise, method.leaf.response, options),
    }));
    const order = noise.pick(orders);
    const [top, rows] = [
      { offset: noise.below(3), limit: 1 + noise.below(6) },
      { offset: noise.below(2), limit: noise.pick([1, 3, Infinity]) },
    ];
    const final = noise.chance(0.8);
    const context: MergeContext = {
      windows: [top, rows],
      orders: [order === undefined ? undefined : parseOrder(order, item)],
      final,
    };
    const shared = {
      partials: partials.map(({ shard, payload }) => [shard, payload.toString('hex')]),
      final,
      exact: !options.odd,
      windows: {
        top: [top.offset, top.limit],
        rows: [rows.offset, rows.limit === Infinity ? null : rows.limit],
      },
      orders:
        order === undefined
          ? {}
          : { rows: order.split(',').map((key) => [key.trim().split(' ')[0], key.endsWith('desc')]) },
    };
    try {
      const parts = partials.map(({ shard, payload }) => merger.stage([shard], payload, []));
      const { payload } = merger.merge(noise.shuffle(parts), context);
      input.push(JSON.stringify({ ...shared, answer: Buffer.from(payload).toString('hex') }));
    } catch (thrown) {
      if (!(thrown instanceof RegatherError)) throw thrown;
      input.push(JSON.stringify({ ...shared, error: thrown.code, message: thrown.message }));
    }
  }

  const folder = pythonMessages(t, ['test/merge/oracle'], ['everything.proto']);
  const ran = spawnSync(python, ['-B', join(import.meta.dirname, 'oracle/oracle.py'), folder], {
    input: `${input.join('\n')}\n`,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    timeout: 100_000,
  });
  t.is(ran.stderr, '');
  const verdicts = ran.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as string);
  t.is(verdicts.length, cases);
  const wrong = verdicts.flatMap((verdict, seed) => (verdict === 'ok' ? [] : [`seed ${seed}: ${verdict}`]));
  t.deepEqual(wrong, []);
});
