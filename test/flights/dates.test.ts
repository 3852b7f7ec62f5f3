import test from 'ava';
import { distantFuture, distantPast, parseMicros } from '../../examples/flights/dates.ts';

function micros(iso: string): bigint {
  return BigInt(Date.parse(iso)) * 1000n;
}

test('a date is its midnight in UTC', (t) => {
  t.is(parseMicros('2001-03-01'), micros('2001-03-01T00:00:00Z'));
  t.is(parseMicros('2000-02-29'), micros('2000-02-29T00:00:00Z'));
});

test('a time may have a zone and up to six digits of a second', (t) => {
  t.is(parseMicros('2001-03-01T06:30:00Z'), micros('2001-03-01T06:30:00Z'));
  t.is(parseMicros('2001-03-01t06:30:00z'), micros('2001-03-01T06:30:00Z'));
  t.is(parseMicros('2001-03-01T06:30:00+05:30'), micros('2001-03-01T01:00:00Z'));
  t.is(parseMicros('2001-03-01T06:30:00-08:00'), micros('2001-03-01T14:30:00Z'));
  t.is(parseMicros('1969-12-31T23:59:59.000001Z'), -999_999n);
  t.is(parseMicros('2001-03-01T06:30:00.5Z'), micros('2001-03-01T06:30:00.500Z'));
});

test('what is no day or no RFC 3339 is refused', (t) => {
  const wrong = [
    '2001-02-29',
    '2001-13-01',
    '2001-00-10',
    '2001-01-00',
    '2001-1-1',
    '01-01-2001',
    'today',
    ' 2001-01-01',
  ];
  wrong.push('2001-01-01T24:00:00Z', '2001-01-01T10:60:00Z', '2001-01-01T10:00:60Z', '2001-01-01T10:00Z');
  wrong.push('2001-01-01T10:00:00', '2001-01-01T10:00:00+24:00', '2001-01-01\n');
  for (const text of wrong) t.is(parseMicros(text), undefined, text);
});

test('every date lies between the distant past and future', (t) => {
  t.is(parseMicros('0000-01-01'), distantPast);
  t.is(parseMicros('9999-12-31T23:59:59.999999Z')! + 1n, distantFuture);
});
