/** The child's end of the bench's process protocol: questions by name, each answered once. */
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { collectionsStart, collectionsStop } from './collections.ts';
import { collectedRss, resources } from './resources.ts';

export type Ask = { readonly id: number; readonly ask: string; readonly body: unknown };
export type Reply = { readonly id: number; readonly reply?: unknown; readonly error?: string };

/** CPU that this process used so far, user and system, and when that was read: ms on a clock that all processes share. */
export interface Usage {
  readonly cpuUs: number;
  readonly atMs: number;
}

/**
 * Serves the parent's questions: `usage`, `rss`, `resources`, `collectionsStart`, `collectionsStop`, `profileStart`, `profileStop` everywhere, and the given ones. The process
 * ends when the parent disconnects or is gone.
 */
export function serveParent(answers: Record<string, (body: never) => unknown>): void {
  const all: Record<string, (body: never) => unknown> = {
    usage,
    rss: collectedRss,
    resources,
    collectionsStart,
    collectionsStop,
    profileStart,
    profileStop,
    ...answers,
  };
  process.on('message', (message: Ask) => void answer(message, all));
  process.on('disconnect', () => process.exit(0));
}

async function answer(message: Ask, answers: Record<string, (body: never) => unknown>): Promise<void> {
  let reply: Reply;
  try {
    const handler = answers[message.ask];
    if (handler === undefined) throw new Error(`No answer to "${message.ask}" in this process`);
    reply = { id: message.id, reply: await handler(message.body as never) };
  } catch (error) {
    reply = {
      id: message.id,
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    };
  }
  process.send?.(reply);
}

function usage(): Usage {
  const { user, system } = process.cpuUsage();
  return { cpuUs: user + system, atMs: performance.timeOrigin + performance.now() };
}

let session: Session | undefined;

async function profileStart(): Promise<void> {
  session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: 200 });
  await session.post('Profiler.start');
}

async function profileStop(body: { file: string }): Promise<void> {
  if (session === undefined) throw new Error('No profile is running');
  const { profile } = await session.post('Profiler.stop');
  session.disconnect();
  session = undefined;
  writeFileSync(body.file, JSON.stringify(profile));
}
