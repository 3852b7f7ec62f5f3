import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials, ServerCredentials } from '@grpc/grpc-js';
import test from 'ava';
import { leafCall, Recorder } from './memory.ts';
import { echo, startWorker, TestRoot } from './sockets.ts';

const openssl = spawnSync('openssl', ['version']).status === 0;
// A CI without openssl has to fail, not to pass by testing less.
const check = openssl || process.env.CI !== undefined ? test : test.skip;

interface Certificates {
  readonly ca: Buffer;
  readonly key: Buffer;
  readonly cert: Buffer;
}

/** A certificate authority and a certificate for 127.0.0.1 signed by it. */
function certificates(folder: string, name: string): Certificates {
  const run = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const file = (suffix: string) => `${name}.${suffix}`;
  writeFileSync(join(folder, file('ext')), 'subjectAltName=IP:127.0.0.1');
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
  const read = (suffix: string) => readFileSync(join(folder, file(suffix)));
  return { ca: read('ca.crt'), key: read('key'), cert: read('crt') };
}

check('links run over TLS and mutual TLS, and not without the right certificates', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'regather-tls-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const ours = certificates(folder, 'ours');
  const theirs = certificates(folder, 'theirs');
  const pair = [{ private_key: ours.key, cert_chain: ours.cert }];
  const tls = await startWorker(echo, { credentials: ServerCredentials.createSsl(null, pair) });
  const mutual = await startWorker(echo, { credentials: ServerCredentials.createSsl(ours.ca, pair, true) });

  const anyone = credentials.createSsl(ours.ca);
  const known = credentials.createSsl(ours.ca, ours.key, ours.cert);
  for (const [worker, secret] of [
    [tls, anyone],
    [mutual, known],
  ] as const) {
    const root = new TestRoot(worker.address, { credentials: secret });
    await root.reaches('ready');
    const recorder = new Recorder();
    root.client.run(leafCall([1]), recorder);
    await recorder.ended;
    t.is(recorder.parts.length, 1);
    root.client.close();
  }
  for (const [worker, secret] of [
    [tls, credentials.createSsl(theirs.ca)],
    [tls, credentials.createInsecure()],
    [mutual, anyone],
    [mutual, credentials.createSsl(ours.ca, theirs.key, theirs.cert)],
  ] as const) {
    const root = new TestRoot(worker.address, { credentials: secret });
    await root.reaches('down');
    t.false(root.states.some(({ kind }) => kind === 'ready'));
    root.client.close();
  }
  tls.stop();
  mutual.stop();
});
