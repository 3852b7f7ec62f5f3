import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { startAdmin } from '../../shared/admin/admin.ts';
import { systemClock } from '../../shared/clock.ts';
import { Lifecycle } from '../../shared/lifecycle/lifecycle.ts';
import { createLogger } from '../../shared/log/logger.ts';
import { LoopDelayMonitor } from '../../shared/loop-delay.ts';
import { Counter, Family, Histogram, maxSeries } from '../../shared/metrics/instruments.ts';
import { createProcessMetrics } from '../../shared/metrics/process.ts';
import { MetricRegistry } from '../../shared/metrics/registry.ts';
import { createRootMetrics } from '../../shared/metrics/root.ts';
import { createWorkerMetrics } from '../../shared/metrics/worker.ts';
import { pages } from '../docs/pages.ts';
import { needs } from '../kit/debian.ts';
import { folderWith } from './process.ts';
import { parsePrometheus } from './prometheus-text.ts';

async function scrape(
  fill: (registry: MetricRegistry) => void,
): Promise<{ text: string; type: string | null }> {
  const metrics = new MetricRegistry();
  fill(metrics);
  createProcessMetrics(metrics, { version: '1.2.3', kind: 'root' }, new LoopDelayMonitor(systemClock));
  const admin = await startAdmin({
    listen: '127.0.0.1:0',
    kind: 'root',
    lifecycle: new Lifecycle(),
    metrics,
    log: createLogger({ write: () => {} }),
    status: () => ({}),
    config: () => ({}),
    ready: () => ({ ok: true, reasons: [] }),
  });
  const response = await fetch(`http://${admin.address}/metrics`);
  const json = await fetch(`http://${admin.address}/metrics`, { headers: { accept: 'application/json' } });
  const body = (await json.json()) as { metrics: { name: string }[] };
  if (!body.metrics.some((metric) => metric.name === 'regather_build_info'))
    throw new Error('no JSON metrics');
  const text = await response.text();
  await admin.close();
  return { text, type: response.headers.get('content-type') };
}

function both(registry: MetricRegistry): void {
  const root = createRootMetrics(registry);
  root.method('TopK').answered(0, 0.0004);
  root.method('TopK').answered(14, 0.3);
  root.method('TopK').answered(99, 20);
  root.worker('w"0\\\n').setLinkState('ready');
  root.worker('w1').setBreakerState('open');
  root.worker('w1').leafCalls.ok.inc(3);
  root.missingShards[1]!.inc(2);
  createWorkerMetrics(registry).method('TopK').finished(0, 0.01);
}

test('a scraper can read it, labels with quotes and newlines included', async (t) => {
  const { text, type } = await scrape(both);
  t.is(type, 'text/plain; version=0.0.4; charset=utf-8');
  const metrics = parsePrometheus(text);
  const value = (name: string, labels: Record<string, string>): number | undefined =>
    metrics
      .flatMap((metric) => metric.samples)
      .find(
        (sample) => sample.name === name && Object.entries(labels).every(([k, v]) => sample.labels[k] === v),
      )?.value;
  t.is(value('regather_root_answers_total', { method: 'TopK', code: 'UNAVAILABLE' }), 1);
  t.is(value('regather_root_answers_total', { method: 'TopK', code: 'UNKNOWN' }), 1);
  t.is(value('regather_root_answer_seconds_bucket', { method: 'TopK', le: '0.0005' }), 1);
  t.is(value('regather_root_answer_seconds_bucket', { method: 'TopK', le: '10' }), 2);
  t.is(value('regather_root_answer_seconds_count', { method: 'TopK' }), 3);
  t.is(value('regather_root_link_state', { worker: 'w"0\\\n', state: 'ready' }), 1);
  t.is(value('regather_root_link_state', { worker: 'w"0\\\n', state: 'down' }), 0);
  t.is(value('regather_root_breaker_state', { worker: 'w1' }), 2);
  t.is(value('regather_root_breaker_transitions_total', { worker: 'w1', state: 'open' }), 1);
  t.is(value('regather_root_leaf_calls_total', { worker: 'w1', outcome: 'ok' }), 3);
  t.is(value('regather_root_missing_shards_total', { cause: 'TIMEOUT' }), 2);
  t.is(value('regather_state', { state: 'loading' }), 1);
  t.is(value('regather_build_info', { version: '1.2.3', kind: 'root' }), 1);
});

needs(test, 'prometheus')('promtool finds nothing to complain of', async (t) => {
  const { text } = await scrape(both);
  const checked = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
  t.is(checked.stdout + checked.stderr, '');
  t.is(checked.status, 0);
});

needs(test, 'prometheus')('the queries on the pages are PromQL', (t) => {
  const queries = pages().flatMap((page) =>
    [...readFileSync(page, 'utf8').matchAll(/^```promql\n([^`]*)^```/gm)].flatMap(([, block]) =>
      block!.split('\n').filter((line) => line !== '' && !line.startsWith('#')),
    ),
  );
  t.true(queries.length >= 10);
  const rules = queries.map((expr, i) => ({ record: `query:${i}`, expr }));
  const folder = folderWith(t, { 'rules.json': JSON.stringify({ groups: [{ name: 'pages', rules }] }) });
  const checked = spawnSync('promtool', ['check', 'rules', join(folder, 'rules.json')], { encoding: 'utf8' });
  t.is(checked.status, 0, checked.stdout + checked.stderr);
  t.regex(checked.stdout, new RegExp(`SUCCESS: ${queries.length} rules found`));
});

test('the strict parser refuses what a scraper would', (t) => {
  const head = '# HELP a b\n# TYPE a counter\n';
  t.throws(() => parsePrometheus(`${head}a 1`), { message: /newline/ });
  t.throws(() => parsePrometheus(`${head}a{x="1",x="2"} 1\n`), { message: /label x twice/ });
  t.throws(() => parsePrometheus(`${head}a{x="1} 1\n`), { message: /labels/ });
  t.throws(() => parsePrometheus(`${head}a 1\na 2\n`), { message: /same series twice/ });
  t.throws(() => parsePrometheus(`${head}a -1\n`), { message: /below 0/ });
  t.throws(
    () => parsePrometheus('# HELP h x\n# TYPE h histogram\nh_bucket{le="1"} 2\nh_sum 1\nh_count 2\n'),
    {
      message: /last bucket/,
    },
  );
});

test('a value on a bucket bound counts in that bucket', (t) => {
  const histogram = new Histogram([1, 2]);
  for (const value of [0, 1, 1.0000001, 2, 3]) histogram.observe(value);
  t.deepEqual(histogram.counts, [2, 2, 1]);
});

test('a worker that left takes its series along', async (t) => {
  const registry = new MetricRegistry({ nodeMetrics: false });
  const root = createRootMetrics(registry);
  root.worker('w0').leafCalls.ok.inc();
  root.worker('w1').leafCalls.ok.inc();
  root.forgetWorker('w0');
  const text = await registry.text();
  t.false(text.includes('"w0"'));
  t.true(text.includes('"w1"'));
  // One that comes back begins at 0, as a process that restarted does.
  root.worker('w0');
  t.regex(await registry.text(), /leaf_calls_total\{worker="w0",outcome="ok"\} 0/);
});

test('series are bounded: beyond it all share one', (t) => {
  const definition = { name: 'x_total', type: 'counter', help: 'x', labels: ['worker'] } as const;
  const family = new Family(definition, () => new Counter());
  for (let i = 0; i < maxSeries + 50; i++) family.child(`w${i}`).inc();
  const samples = family.samples();
  t.is(samples.length, maxSeries + 1);
  t.deepEqual(samples.at(-1), { name: 'x_total', labels: { worker: 'other' }, value: 50 });
  t.is(family.child('w1'), family.child('w1'));
});
