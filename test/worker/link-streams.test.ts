/** Server-streaming methods over a link. */
import test from 'ava';
import { connect, serve, until } from './kit.ts';

test('streams of several shards come in parts of one shard each; a failed one has its status', async (t) => {
  const { addresses } = await serve(t, {
    shards: [0, 1, 2],
    handlers: {
      async *List({ perShard }: { perShard: number }, { shard }) {
        for (let i = 0; i < perShard; i++) {
          if (shard === 1 && i === 5) throw Object.assign(new Error('broken page'), { code: 15 });
          yield { id: `${shard}-${i}`, body: 'b'.repeat(500) };
        }
      },
    },
  });
  const { call } = await connect(t, addresses.address);
  const { parts, end } = await call('List', { perShard: 300 }, [0, 1, 2]);
  const of = (shard: number) =>
    parts.filter(({ shards }) => shards[0] === shard).map(({ response }) => response.id);
  t.deepEqual(
    of(0),
    Array.from({ length: 300 }, (_, i) => `0-${i}`),
  );
  t.deepEqual(
    of(1),
    Array.from({ length: 5 }, (_, i) => `1-${i}`),
  );
  t.is(of(2).length, 300);
  t.deepEqual(
    end.failures.map(({ shard, code, message }) => ({ shard, code, message })),
    [{ shard: 1, code: 15, message: 'broken page' }],
  );
});

test('a stream whose root leaves ends its generator, and holds nothing', async (t) => {
  let returned = 0;
  let made = 0;
  const { addresses, metric } = await serve(t, {
    handlers: {
      *List() {
        try {
          for (;;) {
            made += 1;
            yield { id: 'x', body: 'b'.repeat(1000) };
          }
        } finally {
          returned += 1;
        }
      },
    },
  });
  const { begin } = await connect(t, addresses.address);
  const { answer } = begin('List', {}, [0], {}, (_shards, handle) => handle.cancel());
  const { end } = await answer;
  t.is(end.failures[0]?.code, 1);
  await until(() => returned === 1, 'return()');
  await until(async () => (await metric('regather_worker_tasks_in_flight')) === 0, 'its slot is free');
  t.true(made < 20_000, `${made} items made`);
});
