/** Who may change what a process does through its admin port. */
import { createHash, timingSafeEqual } from 'node:crypto';

/** Whether only this machine can reach a listener on this host. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase();
  return bare === 'localhost' || bare === '::1' || /^127\.\d+\.\d+\.\d+$/.test(bare);
}

export type Verdict =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly status: 401 | 403; readonly reason: string };

/** A token that is set is always asked for; without one, only a loopback listener takes lifecycle calls. */
export function judge(
  listenHost: string,
  token: string | undefined,
  headers: { readonly authorization?: string | undefined; readonly origin?: string | undefined },
): Verdict {
  if (token === undefined) {
    if (isLoopback(listenHost)) {
      // A page in this machine's browser reaches loopback too, and a browser always says where it comes from.
      if (headers.origin === undefined) return { allowed: true };
      const reason = 'Lifecycle calls from a browser need a token: set admin.token in the config';
      return { allowed: false, status: 403, reason };
    }
    const reason = `Lifecycle calls need a token where the admin port is not on loopback (${listenHost}): set admin.token in the config`;
    return { allowed: false, status: 403, reason };
  }
  const given = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  if (given === undefined) {
    return {
      allowed: false,
      status: 401,
      reason: 'Expected "Authorization: Bearer <admin.token>", got none',
    };
  }
  if (same(given, token)) return { allowed: true };
  return { allowed: false, status: 403, reason: 'Expected the token of admin.token, got another' };
}

/** In constant time, whatever the lengths. */
function same(a: string, b: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(a), hash(b));
}
