/** Asks an admin port. */
import { RegatherError } from '../shared/errors/errors.ts';
import { splitAddress } from '../shared/listen/address.ts';

export interface AdminAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

const timeoutMs = 5000;

/** Throws UNAVAILABLE if nobody answers, USAGE if it isn't an address. */
export async function askAdmin(
  address: string,
  method: 'GET' | 'POST',
  path: string,
  token?: string,
): Promise<AdminAnswer> {
  splitAddress(address);
  let response: Response;
  try {
    response = await fetch(`http://${address}${path}`, {
      method,
      signal: AbortSignal.timeout(timeoutMs),
      headers: {
        accept: 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
    });
  } catch (error) {
    throw new RegatherError('UNAVAILABLE', `Nobody answers at the admin port ${address}: ${whyNot(error)}`, {
      cause: error,
    });
  }
  const body: unknown = await response.json().catch(() => undefined);
  if (typeof body !== 'object' || body === null) {
    throw new RegatherError(
      'UNAVAILABLE',
      `${address} is no admin port: ${method} ${path} gave ${response.status} and no JSON`,
    );
  }
  return { status: response.status, body: body as Record<string, unknown> };
}

/** The same, where anything but 2xx is a failure. */
export async function requireAdmin(
  address: string,
  method: 'GET' | 'POST',
  path: string,
  token?: string,
): Promise<Readonly<Record<string, unknown>>> {
  const { status, body } = await askAdmin(address, method, path, token);
  if (status >= 200 && status < 300) return body;
  const why = typeof body.error === 'string' ? body.error : JSON.stringify(body);
  throw new RegatherError('UNAVAILABLE', `${method} ${path} at ${address} failed with ${status}: ${why}`);
}

/** What is bound there may speak another protocol: a root's gRPC port does. */
function whyNot(error: unknown): string {
  if (error instanceof DOMException && error.name === 'TimeoutError')
    return `no answer within ${timeoutMs} ms`;
  const { code, message } = (error as { cause?: { code?: string; message?: string } }).cause ?? {};
  return code ?? message ?? String(error);
}

/** The status page of a root; throws USAGE if it is a worker's. */
export async function rootStatus(admin: string, token?: string): Promise<Readonly<Record<string, unknown>>> {
  const status = await requireAdmin(admin, 'GET', '/statusz', token);
  if (status.kind === 'root') return status;
  throw new RegatherError('USAGE', `Expected the admin port of a root, ${admin} is that of a ${status.kind}`);
}
