import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { channelCredentials, serverCredentials } from '../../shared/tls/credentials.ts';
import { leafCall, Recorder } from './memory.ts';
import { echo, startWorker, TestRoot } from './sockets.ts';

const openssl = spawnSync('openssl', ['version']).status === 0;
// A CI without openssl has to fail, not to pass by testing less.
const check = openssl || process.env.CI !== undefined ? test : test.skip;

/** Paths of PEM files. */
interface Certificates {
  readonly ca: string;
  readonly key: string;
  readonly cert: string;
}

/** A certificate authority, and a certificate for 127.0.0.1 and worker.test signed by it. */
function certificates(folder: string, name: string): Certificates {
  const run = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const file = (suffix: string) => `${name}.${suffix}`;
  writeFileSync(join(folder, file('ext')), 'subjectAltName=IP:127.0.0.1,DNS:worker.test');
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  run(
    'req',
    '-x509',
    ...ec,
    '-keyout',
    file('ca.key'),
    '-out',
    file('ca.crt'),
    '-subj',
    `/CN=${name} ca`,
    '-days',
    '2',
  );
  run('req', ...ec, '-keyout', file('key'), '-out', file('csr'), '-subj', `/CN=${name}`);
  run(
    ...[
      'x509',
      '-req',
      '-in',
      file('csr'),
      '-CA',
      file('ca.crt'),
      '-CAkey',
      file('ca.key'),
      '-CAcreateserial',
    ],
    ...['-out', file('crt'), '-days', '2', '-extfile', file('ext')],
  );
  const path = (suffix: string) => join(folder, file(suffix));
  return { ca: path('ca.crt'), key: path('key'), cert: path('crt') };
}

check('links run over TLS and mutual TLS, and not without the right certificates', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'regather-tls-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const ours = certificates(folder, 'ours');
  const theirs = certificates(folder, 'theirs');
  const { ca, key, cert } = ours;
  const tls = await startWorker(echo, { credentials: serverCredentials({ cert, key }) });
  const mutual = await startWorker(echo, {
    credentials: serverCredentials({ cert, key, ca, client_auth: true }),
  });

  for (const [worker, secret, serverName] of [
    [tls, { ca }, undefined],
    [tls, { ca }, 'worker.test'],
    [mutual, ours, undefined],
  ] as const) {
    const root = new TestRoot(worker.address, { credentials: channelCredentials(secret), serverName });
    await root.reaches('ready');
    const recorder = new Recorder();
    root.client.run(leafCall([1]), recorder);
    await recorder.ended;
    t.is(recorder.parts.length, 1);
    root.client.close();
  }
  for (const [worker, secret, serverName] of [
    [tls, { ca: theirs.ca }, undefined],
    [tls, { ca }, 'other.test'],
    [tls, undefined, undefined],
    [mutual, { ca }, undefined],
    [mutual, { ca, key: theirs.key, cert: theirs.cert }, undefined],
  ] as const) {
    const root = new TestRoot(worker.address, { credentials: channelCredentials(secret), serverName });
    await root.reaches('down');
    t.false(root.states.some(({ kind }) => kind === 'ready'));
    root.client.close();
  }
  tls.stop();
  mutual.stop();
});
