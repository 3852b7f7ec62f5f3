/** A folder that appears with everything in it, or not at all. */
import { randomUUID } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { RegatherError } from '../../shared/errors/errors.ts';

/** Throws USAGE if it exists, REPORT_UNWRITABLE where none can be made: ask before a run of minutes, whose report would have no place to go. */
export async function expectRoomFor(folder: string): Promise<void> {
  refuseExisting(folder);
  let parent = dirname(resolve(folder));
  while (!existsSync(parent)) parent = dirname(parent);
  try {
    await rmdir(await mkdtemp(join(parent, '.report-')));
  } catch (error) {
    throw unwritable(folder, error);
  }
}

function refuseExisting(folder: string): void {
  if (existsSync(folder))
    throw new RegatherError('USAGE', `Expected a report folder that doesn't exist, got "${folder}"`);
}

/**
 * Writes the files beside `folder` first and then gives them its name. Throws USAGE if it exists, REPORT_UNWRITABLE if it can't be
 * written (a full disk, no permission); nothing is left behind then.
 */
export async function writeWholeFolder(
  folder: string,
  files: Readonly<Record<string, string | Buffer>>,
): Promise<void> {
  refuseExisting(folder);
  const target = resolve(folder);
  const partial = join(dirname(target), `.${basename(target)}-${randomUUID().slice(0, 8)}`);
  // Should the process end in between, as a second Ctrl-C ends it; a write may still be under way then.
  const remove = (): void => rmSync(partial, { recursive: true, force: true, maxRetries: 3 });
  process.once('exit', remove);
  try {
    await makeFolder(partial);
    for (const [name, content] of Object.entries(files)) await writeFile(join(partial, name), content);
    await rename(partial, target);
  } catch (error) {
    // What couldn't even be made can't be removed: the first error is the one to tell.
    await rm(partial, { recursive: true, force: true }).catch(() => {});
    if (existsSync(target)) refuseExisting(folder);
    throw unwritable(folder, error);
  } finally {
    process.off('exit', remove);
  }
}

export function unwritable(folder: string, cause: unknown): RegatherError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new RegatherError('REPORT_UNWRITABLE', `The report can't be written to "${folder}": ${why}`, {
    cause,
  });
}

/** With the folders that it is in; one that is there is left. Node's own `recursive` never ends where a folder that is there takes no others, as in /proc. */
export async function makeFolder(folder: string): Promise<void> {
  if (existsSync(folder)) return;
  await makeFolder(dirname(folder));
  await mkdir(folder);
}
