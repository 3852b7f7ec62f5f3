/** The regather command as a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ExecutionContext } from 'ava';
import pLimit from 'p-limit';

const main = join(import.meta.dirname, '..', '..', 'cli', 'main.ts');
export const kit = join(import.meta.dirname, '..', 'kit');

/** Files in a folder that goes when the test ends. */
export function folderWith(t: ExecutionContext, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'regather-cli-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

/** A module whose worker hosts the suites' search service. */
export const searchModule = `
import { searchWorker } from ${JSON.stringify(join(kit, 'search-worker.ts'))};
export default (start) => searchWorker(start);
`;

export const searchConfig = `service: { proto: ${JSON.stringify(join(kit, 'search.proto'))} }
worker: { module: worker.ts }
shards: { count: 4, replicas: 2 }
`;

export interface Finished {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Variables that would change what the command does are left out; what a killed one leaves behind goes with the test's folder. */
function environment(folder: string): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('REGATHER_'));
  return { ...Object.fromEntries(own), TMPDIR: folder };
}

function launch(cwd: string, args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [main, ...args], {
    cwd,
    env: environment(cwd),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Starting one takes a core for a moment: AVA runs a file's tests all at once, and dozens of them would starve each other. */
const atOnce = pLimit(2);

/** Runs to its end. */
export function regather(cwd: string, ...args: readonly string[]): Promise<Finished> {
  return atOnce(() => runToEnd(cwd, args));
}

function runToEnd(cwd: string, args: readonly string[]): Promise<Finished> {
  const child = launch(cwd, args);
  let out = '';
  let err = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    err += chunk.toString();
  });
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

export interface Event {
  readonly event: string;
  readonly [key: string]: unknown;
}

export interface Running {
  readonly child: ChildProcess;
  readonly events: readonly Event[];
  /** The first event from here on that fits, also one that has come already. Rejects if the process ends before. */
  until(what: string, fits: (event: Event) => boolean): Promise<Event>;
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
  err(): string;
}

/** Goes on running; its stdout is lines of JSON. Killed when the test ends, if it hasn't by then. */
export function start(t: ExecutionContext, cwd: string, ...args: readonly string[]): Running {
  const child = launch(cwd, args);
  const events: Event[] = [];
  const waiting = new Set<() => void>();
  let err = '';
  let over = false;
  const wake = (): void => {
    for (const look of waiting) look();
  };
  createInterface({ input: child.stdout! }).on('line', (line) => {
    events.push(JSON.parse(line) as Event);
    wake();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    err += chunk.toString();
  });
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.on('close', (code, signal) => {
      over = true;
      wake();
      resolve(code ?? signal);
    });
  });
  t.teardown(async () => {
    if (over) return;
    child.kill('SIGKILL');
    await ended;
  });
  let taken = 0;
  const until: Running['until'] = (what, fits) =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        while (taken < events.length) {
          const event = events[taken++]!;
          if (!fits(event)) continue;
          waiting.delete(look);
          resolve(event);
          return;
        }
        if (over) {
          waiting.delete(look);
          reject(new Error(`it ended before ${what}: ${err}`));
        }
      };
      waiting.add(look);
      look();
    });
  return { child, events, until, ended, err: () => err };
}

/** Whether a process is there. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
