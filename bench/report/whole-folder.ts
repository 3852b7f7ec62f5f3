/** A folder that appears with everything in it, or not at all. */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { RegatherError } from '../../shared/errors/errors.ts';

/** Throws USAGE if it exists: ask before a run of minutes, whose report would have no place to go. */
export function refuseExisting(folder: string): void {
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
  try {
    await makeFolder(partial);
    for (const [name, content] of Object.entries(files)) await writeFile(join(partial, name), content);
    await rename(partial, target);
  } catch (error) {
    // What couldn't even be made can't be removed: the first error is the one to tell.
    await rm(partial, { recursive: true, force: true }).catch(() => {});
    if (existsSync(target)) refuseExisting(folder);
    const why = error instanceof Error ? error.message : String(error);
    throw new RegatherError('REPORT_UNWRITABLE', `The report can't be written to "${folder}": ${why}`, {
      cause: error,
    });
  }
}

/** With the folders that it is in. Node's own `recursive` never ends where a folder that is there takes no others, as in /proc. */
async function makeFolder(folder: string): Promise<void> {
  const parent = dirname(folder);
  if (!existsSync(parent)) await makeFolder(parent);
  await mkdir(folder);
}
