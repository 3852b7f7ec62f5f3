/** TLS and mutual TLS on the root's listener, the worker's, and the links and plain calls between them. */
import { status } from '@grpc/grpc-js';
import test from 'ava';
import { channelCredentials } from '../../shared/tls/credentials.ts';
import { makeCertificates } from '../kit/certificates.ts';
import { SearchClient, startRoot, startWorker } from '../kit/cluster.ts';
import { needs } from '../kit/debian.ts';

const withCertificates = needs(test.serial, 'openssl');

for (const links of [true, false]) {
  withCertificates(`mutual TLS all the way ${links ? 'over links' : 'over plain gRPC'}`, async (t) => {
    const { ca, server, client } = makeCertificates(t);
    const tls = { ...server, ca, client_auth: true };
    const worker = await startWorker(t, 'w0', { shards: [0, 1], shardCount: 2, tls });
    const { address } = await startRoot(t, [worker], { tls, workerTls: { ca, ...client }, links });
    const known = new SearchClient(address, channelCredentials({ ca, ...client }));
    t.teardown(() => known.close());
    const answer = await known.call('TopK', {});
    t.is(answer.code, status.OK, answer.details);
    t.is(answer.coverage?.answered, 2);
    const unknown = new SearchClient(address, channelCredentials({ ca }));
    t.teardown(() => unknown.close());
    t.is((await unknown.call('TopK', {}, { timeoutMs: 2_000 })).code, status.UNAVAILABLE);
  });
}

withCertificates('a worker whose certificate another authority signed is not talked to', async (t) => {
  const ours = makeCertificates(t);
  const theirs = makeCertificates(t);
  const worker = await startWorker(t, 'w0', { shards: [0], shardCount: 1, tls: theirs.server });
  const { client, root } = await startRoot(t, [worker], { workerTls: { ca: ours.ca }, ready: false });
  const answer = await client.call('TopK', {});
  t.is(answer.code, status.UNAVAILABLE, answer.details);
  t.not(root.state, 'ready');
});

withCertificates('the name in the certificate can be given where addresses are bare', async (t) => {
  const { ca, server } = makeCertificates(t);
  const worker = await startWorker(t, 'w0', { shards: [0], shardCount: 1, tls: server });
  const right = await startRoot(t, [worker], { workerTls: { ca, server_name: 'worker.test' } });
  t.is((await right.client.call('TopK', {})).code, status.OK);
  const wrong = await startRoot(t, [worker], { workerTls: { ca, server_name: 'other.test' }, ready: false });
  t.is((await wrong.client.call('TopK', {})).code, status.UNAVAILABLE);
});

withCertificates(
  'client_auth without a ca, and files that are no certificates, are refused by name',
  async (t) => {
    const { server } = makeCertificates(t);
    await t.throwsAsync(
      startRoot(t, [{ id: 'w', address: '127.0.0.1:1', shards: [0] }], {
        tls: { ...server, client_auth: true },
      }),
      {
        message: /tls\.client_auth needs tls\.ca/,
      },
    );
    await t.throwsAsync(
      startRoot(t, [{ id: 'w', address: '127.0.0.1:1', shards: [0] }], {
        tls: { cert: server.key, key: server.key },
      }),
      { message: /tls: not a usable certificate or key/ },
    );
    await t.throwsAsync(
      startRoot(t, [{ id: 'w', address: '127.0.0.1:1', shards: [0] }], {
        tls: { cert: '/nowhere', key: server.key },
      }),
      { message: /tls\.cert: cannot read \/nowhere/ },
    );
  },
);
