/** `regather drain`: takes a worker or a root out of service, or back in. */
import { setTimeout as sleep } from 'node:timers/promises';
import { RegatherError } from '../../shared/errors/errors.ts';
import { requireAdmin, rootStatus } from '../admin-client.ts';
import { adminToken, type ConfigOptions, type JsonOption, wholeNumber } from '../options.ts';
import { printJson, printLine } from '../output.ts';
import type { Exit } from '../program.ts';
import { rootAdmin } from './shards.ts';

export interface DrainOptions extends ConfigOptions, JsonOption {
  readonly admin?: string;
  readonly token?: string;
  readonly undo?: boolean;
  readonly wait: boolean;
  readonly timeout?: string;
}

export async function drain(target: string, options: DrainOptions): Promise<Exit> {
  const limitMs =
    options.timeout === undefined ? 30_000 : wholeNumber('--timeout', options.timeout, 1, 86_400_000);
  const token = adminToken(options);
  const admin = target.includes(':') ? target : await workerAdmin(target, options);
  const path = options.undo === true ? '/lifecycle/undrain' : '/lifecycle/drain';
  let { state } = await requireAdmin(admin, 'POST', path, token);
  let drained = false;
  if (options.undo !== true && options.wait) {
    drained = await untilDrained(admin, limitMs);
    state = drained ? 'drained' : state;
    if (!drained) {
      throw new RegatherError(
        'DEADLINE_PASSED',
        `${target} is draining, but what runs has not ended within ${limitMs} ms`,
      );
    }
  }
  if (options.json === true) printJson({ target, admin, state });
  else printLine(`${target} is ${String(state)}`);
  return 0;
}

/** The root knows its workers by id, and where their admin ports are if the topology says so. */
async function workerAdmin(id: string, options: DrainOptions): Promise<string> {
  const from = rootAdmin(undefined, options);
  const { workers = [] } = (await rootStatus(from)) as {
    workers?: { id: string; admin?: string }[];
  };
  const worker = workers.find((one) => one.id === id);
  if (worker === undefined) {
    const known = workers.map((one) => one.id).join(', ') || 'none';
    throw new RegatherError(
      'USAGE',
      `Expected a worker of the topology (${known}) or an admin port, got "${id}"`,
    );
  }
  if (worker.admin === undefined) {
    throw new RegatherError(
      'USAGE',
      `The topology says no admin port of "${id}": give it (workers[].admin), or the port itself`,
    );
  }
  return worker.admin;
}

async function untilDrained(admin: string, limitMs: number): Promise<boolean> {
  const end = performance.now() + limitMs;
  for (;;) {
    const { life } = (await requireAdmin(admin, 'GET', '/statusz')) as {
      life?: { state: string; drained?: boolean };
    };
    if (life?.state !== 'draining' || life.drained === true) return true;
    if (performance.now() >= end) return false;
    await sleep(50);
  }
}
