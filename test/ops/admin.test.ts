import { createServer } from 'node:net';
import test from 'ava';
import { type AdminOptions, type Readiness, startAdmin } from '../../shared/admin/admin.ts';
import { isLoopback, judge } from '../../shared/admin/guard.ts';
import { adminRoutes } from '../../shared/admin/routes.ts';
import { Lifecycle } from '../../shared/lifecycle/lifecycle.ts';
import { createLogger } from '../../shared/log/logger.ts';
import { MetricRegistry } from '../../shared/metrics/registry.ts';

async function start(options: Partial<AdminOptions> = {}) {
  const lifecycle = new Lifecycle();
  const log = createLogger({ write: () => {}, level: 'debug' });
  let readiness: Readiness = { ok: true, reasons: [] };
  const admin = await startAdmin({
    listen: '127.0.0.1:0',
    kind: 'root',
    lifecycle,
    metrics: new MetricRegistry({ nodeMetrics: false }),
    log,
    status: () => ({ shards: 3 }),
    config: () => ({ values: {} }),
    ready: () => readiness,
    ...options,
  });
  const ask = async (method: string, path: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`http://${admin.address}${path}`, { method, headers });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const setReadiness = (next: Readiness): void => {
    readiness = next;
  };
  return { lifecycle, log, admin, ask, setReadiness };
}

test('readiness follows the life and what the process itself says; being alive follows neither', async (t) => {
  const { lifecycle, admin, ask, setReadiness } = await start();
  t.deepEqual(await ask('GET', '/readyz'), {
    status: 503,
    body: { ok: false, reasons: ['the root is loading'] },
  });
  t.is((await ask('GET', '/startupz')).status, 503);
  lifecycle.ready();
  t.is((await ask('GET', '/readyz')).status, 200);
  t.is((await ask('GET', '/startupz')).status, 200);
  setReadiness({ ok: false, reasons: ['shard 3 has no worker'] });
  t.deepEqual((await ask('GET', '/readyz')).body.reasons, ['shard 3 has no worker']);
  t.is((await ask('GET', '/livez')).status, 200);
  await lifecycle.drain();
  t.is((await ask('GET', '/livez')).status, 200);
  t.is((await ask('GET', '/startupz')).status, 200);
  await admin.close();
});

test('drain and undrain change the life; nothing comes back from stopped', async (t) => {
  const { lifecycle, admin, ask } = await start();
  lifecycle.ready();
  t.is((await ask('POST', '/lifecycle/drain')).status, 200);
  t.is(lifecycle.state, 'draining');
  t.is((await ask('POST', '/lifecycle/undrain')).status, 200);
  t.is(lifecycle.state as string, 'ready');
  lifecycle.stopNow();
  t.is((await ask('POST', '/lifecycle/drain')).status, 409);
  t.is((await ask('POST', '/lifecycle/undrain')).status, 409);
  await admin.close();
});

test('a token that is set is asked for, and only for what changes something', async (t) => {
  const { lifecycle, admin, ask } = await start({ token: 'open sesame'.replace(' ', '-') });
  lifecycle.ready();
  t.is((await ask('POST', '/lifecycle/drain')).status, 401);
  t.is((await ask('POST', '/lifecycle/drain', { authorization: 'Bearer nope' })).status, 403);
  t.is(lifecycle.state, 'ready');
  t.is((await ask('GET', '/statusz')).status, 200);
  t.is((await ask('POST', '/lifecycle/drain', { authorization: 'Bearer open-sesame' })).status, 200);
  await admin.close();
});

test('without a token, lifecycle calls are refused off loopback, with the reason', async (t) => {
  const { lifecycle, admin, ask } = await start({ listen: '0.0.0.0:0' });
  lifecycle.ready();
  const refused = await ask('POST', '/lifecycle/drain');
  t.is(refused.status, 403);
  t.regex(String(refused.body.error), /need a token.*0\.0\.0\.0.*admin\.token/);
  t.is(lifecycle.state, 'ready');
  await admin.close();
});

test('a page in a browser on this machine cannot drain it', (t) => {
  // A cross-site POST without a body needs no preflight: any page could have drained a developer's cluster.
  t.deepEqual(judge('127.0.0.1', undefined, {}), { allowed: true });
  t.like(judge('127.0.0.1', undefined, { origin: 'https://example.org' }), { allowed: false, status: 403 });
});

test('loopback is told from what only looks like it', (t) => {
  for (const host of ['127.0.0.1', '127.1.2.3', '::1', '[::1]', 'localhost']) t.true(isLoopback(host), host);
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.example.org', 'localhost.example.org']) {
    t.false(isLoopback(host), host);
  }
});

test('/logz gives the last lines as JSON, by level and limit', async (t) => {
  const { log, admin, ask } = await start();
  log.debug('one');
  log.warn('two', { worker: 'w0' });
  log.error('three', { error: new Error('why') });
  const all = (await ask('GET', '/logz')).body.lines as { message: string; worker?: string }[];
  t.deepEqual(
    all.map((line) => line.message),
    ['one', 'two', 'three'],
  );
  t.is(all[1]?.worker, 'w0');
  const some = (await ask('GET', '/logz?level=warn&limit=1')).body.lines as { message: string }[];
  t.deepEqual(
    some.map((line) => line.message),
    ['three'],
  );
  t.is((await ask('GET', '/logz?limit=zero')).status, 400);
  t.is((await ask('GET', '/logz?level=loud')).status, 400);
  await admin.close();
});

test('reload says what is wrong with the file, and that a worker has none', async (t) => {
  let broken = false;
  const { admin, ask } = await start({
    reload: async () => {
      if (broken) throw new Error('topology.yaml:3: no');
    },
  });
  t.is((await ask('POST', '/reload')).status, 200);
  broken = true;
  t.like(await ask('POST', '/reload'), { status: 422, body: { error: 'topology.yaml:3: no' } });
  await admin.close();
  const other = await start();
  t.is((await other.ask('POST', '/reload')).status, 501);
  await other.admin.close();
});

test('a wrong path lists the right ones', async (t) => {
  const { admin, ask } = await start();
  const { status, body } = await ask('GET', '/metricz');
  t.is(status, 404);
  t.deepEqual(
    (body.routes as { path: string }[]).map((route) => route.path),
    adminRoutes.map((route) => route.path),
  );
  t.is((await ask('GET', '/lifecycle/drain')).status, 404);
  await admin.close();
});

test('a body that is no JSON is the mistake of who sent it', async (t) => {
  const { admin } = await start();
  const response = await fetch(`http://${admin.address}/lifecycle/undrain`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{bad',
  });
  t.is(response.status, 400);
  t.like(await response.json(), { code: 'INVALID_ARGUMENT' });
  await admin.close();
});

test('a status that throws is a 500 with its message, and the port goes on', async (t) => {
  const { admin, ask } = await start({
    status: () => {
      throw new Error('no status today');
    },
  });
  t.like(await ask('GET', '/statusz'), { status: 500, body: { error: 'no status today' } });
  t.is((await ask('GET', '/livez')).status, 200);
  await admin.close();
});

test('a taken port is PORT_TAKEN and names the address', async (t) => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
  const { port } = holder.address() as { port: number };
  await t.throwsAsync(start({ listen: `127.0.0.1:${port}` }), {
    code: 'PORT_TAKEN',
    message: `root.admin: the address is taken: 127.0.0.1:${port}`,
  });
  await new Promise((resolve) => holder.close(resolve));
});
