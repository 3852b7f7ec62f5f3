/** Debian's Python as a foreign worker and client: messages by protoc, services by generic handlers. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import test, { type ExecutionContext } from 'ava';
import type { RunningWorker } from '../kit/cluster.ts';
import { needs, python } from '../kit/debian.ts';
import { pythonMessages as messages } from '../kit/python-messages.ts';

export const foreign = needs(test.serial, 'protobuf-compiler', 'python3-protobuf', 'python3-grpcio');

/** The Python messages of every .proto in use; removed when the test ends. */
export function pythonMessages(t: ExecutionContext): string {
  const files = ['search.proto', 'health.proto', 'reflection.proto', 'status.proto'];
  return messages(t, ['test/kit', 'test/foreign/proto'], files);
}

export interface PythonWorker extends Pick<RunningWorker, 'id' | 'address' | 'shards'> {
  /** Resolves when it has said so. */
  said(line: string): Promise<void>;
}

export async function pythonWorker(
  t: ExecutionContext,
  folder: string,
  id: string,
  shards: readonly number[],
): Promise<PythonWorker> {
  const file = join(import.meta.dirname, 'worker.py');
  const child = spawn(python, [file, folder, shards.join(',')], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exit = once(child, 'exit');
  t.teardown(async () => {
    child.stdin.end();
    await exit;
  });
  const lines = createInterface({ input: child.stdout });
  const heard: string[] = [];
  lines.on('line', (line) => heard.push(line));
  const port = (await nextLine(lines, exit)).replace(/^port /, '');
  return {
    id,
    address: `127.0.0.1:${port}`,
    shards,
    async said(line) {
      while (!heard.includes(line)) await nextLine(lines, exit);
    },
  };
}

function nextLine(lines: Interface, exit: Promise<unknown>): Promise<string> {
  return Promise.race([
    once(lines, 'line').then(([line]) => line as string),
    exit.then(() => {
      throw new Error('the Python process ended without a word');
    }),
  ]);
}

export interface PythonClient {
  readonly child: ChildProcessWithoutNullStreams;
  /** What the scenario printed. */
  // biome-ignore lint/suspicious/noExplicitAny: whatever the scenario tells
  readonly told: Promise<any>;
}

/** Runs a scenario of client.py against the root. */
export function pythonClient(
  t: ExecutionContext,
  folder: string,
  address: string,
  scenario: string,
  ...given: string[]
): PythonClient {
  const file = join(import.meta.dirname, 'client.py');
  const child = spawn(python, [file, folder, address, scenario, ...given], { stdio: 'pipe' });
  t.teardown(() => child.kill('SIGKILL'));
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const told = once(child, 'close').then(([code]) => {
    if (code !== 0) throw new Error(`client.py ${scenario} ended with ${code}: ${errors}`);
    return JSON.parse(output);
  });
  return { child, told };
}
