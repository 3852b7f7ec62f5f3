import { appendFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { DataError } from '../../examples/flights/data-error.ts';
import { partition } from '../../examples/flights/partition.ts';
import { shardOf } from '../../shared/keys/shard-of.ts';
import { makeExtract, runSql } from './extract.ts';

const extract = await makeExtract(1000);
test.after.always(() => extract.remove());

let folders = 0;
/** A folder of the test's own. */
function options(shards: number) {
  return { source: extract.source, folder: join(extract.folder, `data${folders++}`), shards };
}

test('every flight is in the shard that a root looks for it in, with its row as id', async (t) => {
  const made = await partition(options(5));
  t.true(made.made);
  const source = await runSql(
    `SELECT file_row_number, date, origin, destination, delay::INTEGER, distance::UINTEGER
     FROM read_parquet('${extract.source}', file_row_number = true) ORDER BY 1`,
  );
  const found: unknown[][] = [];
  for (const [shard, entry] of made.manifest.shards.entries()) {
    const rows = await runSql(
      `SELECT id, date, origin, destination, delay, distance FROM '${join(made.folder, entry.name)}'`,
    );
    t.is(rows.length, entry.rows);
    t.true(
      rows.every((row, at) => at === 0 || (rows[at - 1]![0] as bigint) < (row[0] as bigint)),
      'sorted by id',
    );
    for (const row of rows) t.is(shardOf(row[0] as bigint, 5), shard);
    found.push(...rows);
  }
  found.sort((a, b) => Number((a[0] as bigint) - (b[0] as bigint)));
  t.is(source.length, 3000);
  t.deepEqual(found, source);
});

test('it is made once, and again when a file is damaged, missing or the source another', async (t) => {
  const asked = options(3);
  const progress: number[] = [];
  t.true((await partition({ ...asked, onProgress: (done) => progress.push(done) })).made);
  t.is(progress.at(-1), 1);
  t.deepEqual(
    progress,
    progress.toSorted((a, b) => a - b),
  );
  t.false((await partition({ ...asked, onProgress: () => t.fail('nothing was to be done') })).made);

  const folder = join(asked.folder, '3');
  await appendFile(join(folder, 'shard-1.parquet'), 'x');
  t.true((await partition(asked)).made, 'a longer file');
  const bytes = await readFile(join(folder, 'shard-2.parquet'));
  bytes[100]! ^= 1;
  await writeFile(join(folder, 'shard-2.parquet'), bytes);
  t.true((await partition(asked)).made, 'a changed byte');
  await rm(join(folder, 'shard-0.parquet'));
  t.true((await partition(asked)).made, 'a missing file');
  await writeFile(join(folder, 'manifest.json'), '{"layout":');
  t.true((await partition(asked)).made, 'half a manifest');
  const other = join(extract.folder, 'other.parquet');
  await runSql(`COPY (FROM '${extract.source}' LIMIT 100) TO '${other}' (FORMAT parquet)`);
  const changed = await partition({ ...asked, source: other });
  t.true(changed.made, 'another source');
  t.is(changed.manifest.source.rows, 100);
});

test('what a crash left behind counts for nothing and is removed', async (t) => {
  const asked = options(2);
  // No process has this number: it is above what Linux and macOS give out.
  const left = join(asked.folder, '.2-999999999-half');
  await mkdir(left, { recursive: true });
  await writeFile(join(left, 'shard-0.parquet'), 'half');
  await writeFile(join(asked.folder, '2.lock'), '999999999');
  t.true((await partition(asked)).made);
  t.deepEqual((await readdir(asked.folder)).sort(), ['2']);
});

test('of several that ask at once, one works', async (t) => {
  const asked = options(4);
  const all = await Promise.all([partition(asked), partition(asked), partition(asked)]);
  t.is(all.filter((one) => one.made).length, 1);
  t.deepEqual(all[0]!.manifest, all[2]!.manifest);
  t.deepEqual(await readdir(asked.folder), ['4']);
});

test('one shard and more shards than flights work', async (t) => {
  const few = join(extract.folder, 'few.parquet');
  await runSql(`COPY (FROM '${extract.source}' LIMIT 3) TO '${few}' (FORMAT parquet)`);
  const sparse = await partition({ ...options(8), source: few });
  t.is(sparse.manifest.shards.length, 8);
  t.is(sparse.manifest.source.rows, 3);
  t.deepEqual(
    (await partition(options(1))).manifest.shards.map((entry) => entry.rows),
    [3000],
  );
});

test('a source that cannot be used is refused in one line, and nothing is left', async (t) => {
  const missing = await t.throwsAsync(
    partition({ ...options(2), source: join(extract.folder, 'none.parquet') }),
    {
      instanceOf: DataError,
    },
  );
  t.regex(missing.message, /none\.parquet/);
  const text = join(extract.folder, 'text.parquet');
  await writeFile(text, 'not parquet');
  const asked = { ...options(2), source: text };
  const unreadable = await t.throwsAsync(partition(asked), { instanceOf: DataError });
  t.regex(unreadable.message, /text\.parquet/);
  t.notRegex(unreadable.message, /\n/);
  t.deepEqual(await readdir(asked.folder), []);
  const nulls = join(extract.folder, 'nulls.parquet');
  await runSql(
    `COPY (SELECT * REPLACE (if(delay = 0, NULL, delay) AS delay) FROM '${extract.source}') TO '${nulls}' (FORMAT parquet)`,
  );
  await t.throwsAsync(partition({ ...options(2), source: nulls }), { message: /rows with a NULL/ });
});
