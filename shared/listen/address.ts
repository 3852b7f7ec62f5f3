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

/** Why a listener couldn't be bound, to go before the address. */
export function listenReason(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'EADDRINUSE') return 'the address is taken:';
  if (code === 'EADDRNOTAVAIL') return 'the address is not on this machine:';
  if (code === 'EACCES') return 'no permission to listen on';
  if (code === 'ENOTFOUND') return 'no such host:';
  return `cannot listen (${error instanceof Error ? error.message : String(error)}) on`;
}
