/** Addresses as people write them: "host:port", IPv6 in brackets. */
import { RegatherError } from '../errors/errors.ts';

export interface HostPort {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Throws USAGE for anything else. */
export function splitAddress(address: string): HostPort {
  const colon = address.lastIndexOf(':');
  const port = Number(address.slice(colon + 1));
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  if (colon <= 0 || address.endsWith(':') || !Number.isInteger(port) || port < 0 || port > 65535) {
    throw new RegatherError('USAGE', `Expected "host:port", got ${JSON.stringify(address)}`);
  }
  return { host, port };
}

export function formatAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** PORT_TAKEN for a listener that couldn't be bound: `root.listen: the address is taken: 127.0.0.1:7000`. */
export function listenError(field: string, address: string, error: unknown): RegatherError {
  const message = `${field}: ${listenReason(error)} ${address}`;
  return new RegatherError('PORT_TAKEN', message, { field, cause: error });
}

function listenReason(error: unknown): string {
  const message = error instanceof Error ? error.message.replace(/\s+/g, ' ') : String(error);
  // grpc-js tells the system's code in its message only.
  const code = (error as NodeJS.ErrnoException).code ?? /\b(EADDR\w+|EACCES|ENOTFOUND)\b/.exec(message)?.[1];
  if (code === 'EADDRINUSE') return 'the address is taken:';
  if (code === 'EADDRNOTAVAIL') return 'the address is not on this machine:';
  if (code === 'EACCES') return 'no permission to listen on';
  if (code === 'ENOTFOUND') return 'no such host:';
  return `cannot listen (${message}) on`;
}
