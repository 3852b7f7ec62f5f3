/** A certificate authority and certificates signed by it, made with the openssl command. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';

export interface Certificates {
  readonly ca: string;
  readonly server: { readonly cert: string; readonly key: string };
  readonly client: { readonly cert: string; readonly key: string };
}

/** Paths of PEM files, removed when the test ends. The server's names are localhost, 127.0.0.1 and worker.test. */
export function makeCertificates(t: ExecutionContext): Certificates {
  const folder = mkdtempSync(join(tmpdir(), 'regather-tls-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const path = (name: string): string => join(folder, name);
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { stdio: 'pipe' });
  };
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...curve,
    '-days',
    '2',
    '-subj',
    '/CN=ca',
    '-keyout',
    path('ca.key'),
    '-out',
    path('ca.pem'),
  );
  const sign = (name: string, alternatives: string): { cert: string; key: string } => {
    writeFileSync(path(`${name}.ext`), alternatives);
    openssl(
      'req',
      ...curve,
      '-subj',
      `/CN=${name}`,
      '-keyout',
      path(`${name}.key`),
      '-out',
      path(`${name}.csr`),
    );
    openssl(
      ...['x509', '-req', '-days', '2', '-in', path(`${name}.csr`), '-out', path(`${name}.pem`)],
      ...[
        '-CA',
        path('ca.pem'),
        '-CAkey',
        path('ca.key'),
        '-CAcreateserial',
        '-extfile',
        path(`${name}.ext`),
      ],
    );
    return { cert: path(`${name}.pem`), key: path(`${name}.key`) };
  };
  return {
    ca: path('ca.pem'),
    server: sign('server', 'subjectAltName=DNS:localhost,IP:127.0.0.1,DNS:worker.test'),
    client: sign('client', 'subjectAltName=DNS:client'),
  };
}
