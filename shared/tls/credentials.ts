/** TLS from PEM files, for listeners and for connections to them. */
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { ChannelCredentials, ServerCredentials } from '@grpc/grpc-js';
import { RegatherError } from '../errors/errors.ts';
import { tlsByIp } from './by-ip.ts';

export interface ServerTls {
  /** Paths of PEM files: the certificate chain, its private key, and who signs the clients' certificates. */
  readonly cert: string;
  readonly key: string;
  readonly ca?: string | undefined;
  /** Refuse clients without a certificate that `ca` signed. Default false: most clients have none. */
  readonly client_auth?: boolean | undefined;
}

export interface ClientTls {
  /** Who signs the servers' certificates. Default: those that Node trusts. */
  readonly ca?: string | undefined;
  /** What to show a server that asks for it (mutual TLS). */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** The name expected in the servers' certificates. Default: the host in the address. */
  readonly server_name?: string | undefined;
}

export function serverCredentials(tls: ServerTls | undefined): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const { cert, key, ca, client_auth: clientAuth = false } = tls;
  if (clientAuth && ca === undefined) {
    throw new RegatherError(
      'CONFIG_INVALID',
      'tls.client_auth needs tls.ca: the certificate that signs those of clients',
      {
        field: 'tls.ca',
      },
    );
  }
  const pair = { cert_chain: pem(cert, 'tls.cert'), private_key: pem(key, 'tls.key') };
  const authority = ca === undefined ? null : pem(ca, 'tls.ca');
  return checked('tls', () => {
    // grpc-js itself finds out when it listens, and says it like a port that is taken.
    createSecureContext({
      cert: pair.cert_chain,
      key: pair.private_key,
      ...(authority === null ? {} : { ca: authority }),
    });
    return ServerCredentials.createSsl(authority, [pair], clientAuth);
  });
}

export function channelCredentials(tls: ClientTls | undefined): ChannelCredentials {
  if (tls === undefined) return ChannelCredentials.createInsecure();
  const { ca, cert, key } = tls;
  if ((cert === undefined) !== (key === undefined)) {
    throw new RegatherError('CONFIG_INVALID', 'tls.cert and tls.key go together', {
      field: cert === undefined ? 'tls.cert' : 'tls.key',
    });
  }
  return checked('tls', () =>
    tlsByIp(
      ChannelCredentials.createSsl(
        ca === undefined ? null : pem(ca, 'tls.ca'),
        key === undefined ? null : pem(key, 'tls.key'),
        cert === undefined ? null : pem(cert, 'tls.cert'),
      ),
    ),
  );
}

/** grpc-js's name for the expected server name, as channel options. */
export function serverNameOptions(tls: ClientTls | undefined): { 'grpc.ssl_target_name_override'?: string } {
  return tls?.server_name === undefined ? {} : { 'grpc.ssl_target_name_override': tls.server_name };
}

function pem(path: string, field: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new RegatherError('CONFIG_INVALID', `${field}: cannot read ${path}: ${(cause as Error).message}`, {
      field,
      cause,
    });
  }
}

/** OpenSSL's complaints about what is in the files. */
function checked<T>(field: string, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    throw new RegatherError(
      'CONFIG_INVALID',
      `${field}: not a usable certificate or key: ${(cause as Error).message}`,
      {
        field,
        cause,
      },
    );
  }
}
