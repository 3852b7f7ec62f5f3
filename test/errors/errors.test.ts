import test from 'ava';
import { RegatherError } from '../../shared/errors/errors.ts';

test('a message begins with the file and line at fault', (t) => {
  const error = new RegatherError('PLAN_INVALID', 'no merge', { file: 'a.proto', line: 3 });
  t.is(error.message, 'a.proto:3: no merge');
  t.is(error.exit, 2);
});

test('from() is total and keeps what is one already', (t) => {
  const error = new RegatherError('CANCELLED', 'left');
  t.is(RegatherError.from(error), error);
  t.is(RegatherError.from('text').message, 'text');
  t.is(RegatherError.from(undefined).code, 'INTERNAL');
});
