import test from 'ava';
import { gate, type Handlers, serve, until } from './kit.ts';

const counting = (seen: { returned: number; made: number }, limit = Number.POSITIVE_INFINITY): Handlers => ({
  async *List() {
    try {
      for (let i = 0; i < limit; i++) {
        seen.made += 1;
        yield { id: String(i), body: 'b'.repeat(1000) };
      }
    } finally {
      seen.returned += 1;
    }
  },
});

test('a stream forwards what an async generator, a generator or an array has', async (t) => {
  const seen = { returned: 0, made: 0 };
  const items = [{ id: '0' }, { id: '1' }, { id: '2' }];
  const { client } = await serve(t, {
    handlers: {
      ...counting(seen, 3),
      ListSome: ({ fault }: { fault: string }) => (fault === 'array' ? items : items.values()),
    },
  });
  for (const [method, fault] of [
    ['List', ''],
    ['ListSome', 'array'],
    ['ListSome', 'iterator'],
  ] as const) {
    const answer = await client.stream(method, { fault });
    t.is(answer.code, 0);
    t.deepEqual(
      answer.items.map(({ id }) => id),
      ['0', '1', '2'],
    );
  }
  t.deepEqual(seen, { returned: 1, made: 3 });
});

test('a client that leaves a stream ends the generator, which was never far ahead of it', async (t) => {
  const seen = { returned: 0, made: 0 };
  const { client } = await serve(t, { handlers: counting(seen) });
  let items = 0;
  const answer = await client.stream(
    'List',
    {},
    {
      onItem: (cancel) => {
        items += 1;
        if (items === 10) cancel();
      },
    },
  );
  t.is(answer.code, 1);
  await until(() => seen.returned === 1, 'return() of the generator');
  const made = seen.made;
  await new Promise(setImmediate);
  t.is(seen.made, made, 'nothing is made for nobody');
  t.true(made < 20_000, `${made} items of 1 kB were made for 10 that were read`);
});

test('a stream that fails half-way has sent what was before, and says so', async (t) => {
  const { client } = await serve(t, {
    handlers: {
      async *List() {
        yield { id: 'first' };
        throw Object.assign(new Error('disk gone'), { code: 15 });
      },
      *ListSome() {
        yield { id: 'first' };
        yield { id: 7 };
      },
    },
  });
  const thrown = await client.stream('List');
  t.like(thrown, { code: 15, details: 'disk gone' });
  t.deepEqual(
    thrown.items.map(({ id }) => id),
    ['first'],
  );
  const wrong = await client.stream('ListSome');
  t.is(wrong.code, 13);
  t.regex(wrong.details, /ListSome \(shard 0\) returned 7 for acme\.search\.v1\.Document\.id/);
});

test('a streaming handler that returns no iterable is INTERNAL and named', async (t) => {
  const { client } = await serve(t, { handlers: { List: () => ({ id: 'one' }), ListSome: () => 'text' } });
  t.like(await client.stream('List'), {
    code: 13,
    details:
      'The handler of List (shard 0) returned a Object, expected an iterable or async iterable of acme.search.v1.Document',
  });
  t.is((await client.stream('ListSome')).code, 13);
});

test('an endless synchronous generator starves nobody', async (t) => {
  const { client } = await serve(t, {
    handlers: {
      *List() {
        for (;;) yield { id: 'x' };
      },
      Get: () => ({ id: 'alive' }),
    },
  });
  let cancel = (): void => {};
  const { promise, open } = gate();
  const stream = client.stream(
    'List',
    {},
    {
      onItem: (stop) => {
        cancel = stop;
        open();
      },
    },
  );
  await promise;
  t.like((await client.call('Get')).response, { id: 'alive' });
  cancel();
  t.is((await stream).code, 1);
});
