/** `regather breaker`: holds a breaker of a root open or closed, or leaves it to itself again. */
import { type BreakerWord, breakerWords } from '../../shared/admin/admin.ts';
import { RegatherError } from '../../shared/errors/errors.ts';
import { askAdmin } from '../admin-client.ts';
import { adminToken, type ConfigOptions, type JsonOption } from '../options.ts';
import { printJson, printLine } from '../output.ts';
import type { Exit } from '../program.ts';
import { rootAdmin } from './shards.ts';

export interface BreakerOptions extends ConfigOptions, JsonOption {
  readonly admin?: string;
  readonly token?: string;
}

export async function breaker(word: string, target: string, options: BreakerOptions): Promise<Exit> {
  if (!breakerWords.includes(word as BreakerWord)) {
    throw new RegatherError('USAGE', `Expected one of ${breakerWords.join(', ')}, got "${word}"`);
  }
  const admin = rootAdmin(undefined, options);
  const query = new URLSearchParams({ target, set: word });
  const { status, body } = await askAdmin(admin, 'POST', `/breaker?${query}`, adminToken(options));
  if (status < 200 || status >= 300) {
    const why = typeof body.error === 'string' ? body.error : JSON.stringify(body);
    // What the root doesn't know was mistyped here.
    if (status === 400) throw new RegatherError('USAGE', why);
    throw new RegatherError('UNAVAILABLE', `POST /breaker at ${admin} failed with ${status}: ${why}`);
  }
  if (options.json === true) printJson({ admin, ...body });
  else printLine(`${target}: ${said[word as BreakerWord]}, the breaker is ${String(body.state)}`);
  return 0;
}

const said: Record<BreakerWord, string> = {
  open: 'held open',
  close: 'held closed',
  auto: 'left to itself',
};
