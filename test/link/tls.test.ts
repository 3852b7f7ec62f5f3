import test from 'ava';
import { channelCredentials, serverCredentials } from '../../shared/tls/credentials.ts';
import { makeCertificates } from '../kit/certificates.ts';
import { needs } from '../kit/debian.ts';
import { leafCall, Recorder } from './memory.ts';
import { echo, startWorker, TestRoot } from './sockets.ts';

needs(test, 'openssl')(
  'links run over TLS and mutual TLS, and not without the right certificates',
  async (t) => {
    const { ca, server, client } = makeCertificates(t);
    const theirs = makeCertificates(t);
    const tls = await startWorker(echo, { credentials: serverCredentials(server) });
    const mutual = await startWorker(echo, {
      credentials: serverCredentials({ ...server, ca, client_auth: true }),
    });

    for (const [worker, secret, serverName] of [
      [tls, { ca }, undefined],
      [tls, { ca }, 'worker.test'],
      [mutual, { ca, ...client }, undefined],
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
      [mutual, { ca, ...theirs.client }, undefined],
    ] as const) {
      const root = new TestRoot(worker.address, { credentials: channelCredentials(secret), serverName });
      await root.reaches('down');
      t.false(root.states.some(({ kind }) => kind === 'ready'));
      root.client.close();
    }
    tls.stop();
    mutual.stop();
  },
);
