import test from 'ava';
import { RegatherError } from '../../shared/errors/errors.ts';
import { createLogger } from '../../shared/log/logger.ts';
import { LogRing } from '../../shared/log/ring.ts';

function logger(options: { level?: 'debug' | 'warn'; ring?: number } = {}) {
  const lines: Record<string, unknown>[] = [];
  const log = createLogger({
    ...options,
    fields: { kind: 'root', id: 'r1' },
    write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>),
  });
  return { log, lines };
}

test('a line is one JSON object with level, time, the process and its own fields', (t) => {
  const { log, lines } = logger();
  log.child({ worker: 'w0' }).warn('link is down', { reason: 'silence' });
  const [line] = lines;
  t.like(line, {
    level: 'warn',
    kind: 'root',
    id: 'r1',
    worker: 'w0',
    reason: 'silence',
    message: 'link is down',
  });
  t.regex(String(line?.time), /^\d{4}-\d\d-\d\dT.*Z$/);
});

test('errors keep their code and stack; anything else that was thrown is text', (t) => {
  const { log, lines } = logger();
  log.error('no', { error: new RegatherError('LINK_LOST', 'silent for 800 ms') });
  log.error('no', { error: 'text' });
  t.like(lines[0]?.error, { name: 'RegatherError', code: 'LINK_LOST', message: 'silent for 800 ms' });
  t.regex((lines[0]!.error as { stack: string }).stack, /log\.test\.ts/);
  t.deepEqual(lines[1]?.error, { message: 'text' });
});

test('lines below the level are neither written nor kept', (t) => {
  const { log, lines } = logger({ level: 'warn' });
  log.info('quiet');
  log.warn('loud');
  t.is(lines.length, 1);
  t.is(log.ring.recent().length, 1);
});

test('the ring keeps the last lines, oldest first, and counts what it lost', (t) => {
  const { log } = logger({ ring: 3 });
  for (const message of ['a', 'b', 'c', 'd', 'e']) log.info(message);
  const messages = (limit?: number): unknown[] =>
    log.ring.recent(limit).map((line) => (line as { message: string }).message);
  t.deepEqual(messages(), ['c', 'd', 'e']);
  t.deepEqual(messages(2), ['d', 'e']);
  t.is(log.ring.dropped, 2);
  t.deepEqual(new LogRing(0).recent(), []);
  t.throws(() => new LogRing(-1), { instanceOf: RangeError });
});

test('a line as long as a partial cannot fill the memory by being kept', (t) => {
  const ring = new LogRing(2);
  ring.push(JSON.stringify({ level: 'error', message: 'x'.repeat(1_000_000) }));
  const [kept] = ring.recent() as { message: string; truncatedChars: number }[];
  t.true(kept!.message.length < 10_000);
  t.true(kept!.truncatedChars > 1_000_000);
});
