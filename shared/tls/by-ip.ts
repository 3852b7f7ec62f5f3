/**
 * TLS to a peer that is named by its IP address. grpc-js asks for the address as TLS server name, which RFC 6066 (section 3) forbids and
 * Node 26 throws for (ERR_INVALID_ARG_VALUE). Without the name, the certificate is checked against the address, as it should be.
 */
import { isIP } from 'node:net';
import type { ChannelCredentials } from '@grpc/grpc-js';

/** The same credentials, also good for addresses like 10.0.0.7:443. `connectionOptions` is grpc-js's own: the TLS test guards it. */
export function tlsByIp(credentials: ChannelCredentials): ChannelCredentials {
  return Object.create(credentials, {
    _createSecureConnector: {
      value: (...args: Parameters<ChannelCredentials['_createSecureConnector']>) => {
        const connector = credentials._createSecureConnector(...args);
        const { connectionOptions } = connector as { connectionOptions?: { servername?: string } };
        const name = connectionOptions?.servername;
        if (connectionOptions !== undefined && name !== undefined && isIP(name) !== 0)
          delete connectionOptions.servername;
        return connector;
      },
    },
  });
}
