/** TLS as a config and the command line say it: at the root's listener, the workers', and on the links between them. */
import test, { type ExecutionContext } from 'ava';
import { makeCertificates } from '../kit/certificates.ts';
import { needs } from '../kit/debian.ts';
import { folderWith, regather, searchConfig, searchModule, start } from './process.ts';

for (const plain of [false, true]) {
  needs(test, 'openssl')(
    `mutual TLS by config, ${plain ? 'with plain gRPC' : 'with links'} behind the root`,
    async (t: ExecutionContext) => {
      const { ca, server, client } = makeCertificates(t);
      const listener = `{ cert: ${server.cert}, key: ${server.key}, ca: ${ca}, client_auth: true }`;
      const shown = `{ ca: ${ca}, cert: ${client.cert}, key: ${client.key} }`;
      const folder = folderWith(t, {
        'worker.ts': searchModule,
        'regather.yaml': `${searchConfig.replace('module: worker.ts', `module: worker.ts, tls: ${listener}`)}
root: { listen: 127.0.0.1:0, admin: 127.0.0.1:0, plain: ${plain}, tls: ${listener}, link: { tls: ${shown} } }
`,
      });
      const up = start(t, folder, 'up', '--json', '--workers', '2', '--log-level', 'error');
      const { address, workers } = (await up.until('ready', ({ event }) => event === 'ready')) as unknown as {
        address: string;
        workers: { address: string }[];
      };
      const certificate = ['--cert', client.cert, '--key', client.key];
      for (const at of [
        ['--address', address],
        ['--address', workers[0]!.address, '--shard', '0'],
      ]) {
        const known = await regather(
          folder,
          'call',
          'TopK',
          '{}',
          '--json',
          '--ca',
          ca,
          ...certificate,
          ...at,
        );
        t.is(known.code, 0, known.err);
        t.is((JSON.parse(known.out) as { status: string }).status, 'OK');
        const unknown = await regather(folder, 'call', 'TopK', '{}', '--ca', ca, ...at);
        t.is(unknown.code, 1, unknown.out);
        const bare = await regather(folder, 'call', 'TopK', '{}', ...at);
        t.is(bare.code, 1, bare.out);
      }
      up.child.kill('SIGINT');
      t.is(await up.ended, 0, up.err());
    },
  );
}
