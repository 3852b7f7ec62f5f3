import test from 'ava';
import { MergeTime, reserveMs } from '../../root/reserve.ts';

test('the reserve is 5 ms where a partial answer is allowed, 2 ms otherwise, until merging takes longer', (t) => {
  const merging = new MergeTime();
  t.is(reserveMs(merging, 1000, true, 0), 5);
  t.is(reserveMs(merging, 1000, false, 0), 2);
  for (let i = 0; i < 1000; i++) merging.took(0.2, i);
  t.is(reserveMs(merging, 1000, true, 1000), 5);
  t.is(reserveMs(merging, 1000, false, 1000), 2);
});

test('it is the p99 of merging in the last ten seconds, to 25 %', (t) => {
  const merging = new MergeTime();
  for (let i = 0; i < 2000; i++) merging.took(i % 50 === 0 ? 40 : 1, i);
  const reserve = reserveMs(merging, 1000, true, 2000);
  t.true(reserve >= 40 && reserve <= 50, `${reserve}`);
  for (let i = 2000; i < 7000; i++) merging.took(1, i);
  t.is(reserveMs(merging, 1000, true, 7000), 5, '40 of 7000 are less than one in a hundred');
});

test('one slow merge counts until there are more, and nothing counts for ever', (t) => {
  const merging = new MergeTime();
  merging.took(100, 0);
  t.true(reserveMs(merging, 1000, true, 1) >= 100);
  t.is(
    reserveMs(merging, 1000, true, 12_000),
    5,
    'requests that fail at once merge nothing: it has to end by itself',
  );
});

test('it leaves half of the time for the shards', (t) => {
  const merging = new MergeTime();
  merging.took(100, 0);
  t.is(reserveMs(merging, 50, true, 1), 25);
  t.is(reserveMs(merging, 4, true, 1), 5, 'less time than the least reserve fails at once');
});
