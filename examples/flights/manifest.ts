/** What a partition's manifest.json says, and whether the files are still what it says. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { DataError } from './data-error.ts';

/** Raised when the layout of the shards' files changes, so that older ones are made anew. */
export const layout = 1;

export interface FileEntry {
  readonly name: string;
  readonly rows: number;
  readonly bytes: number;
  readonly sha256: string;
}

export interface Manifest {
  readonly layout: number;
  readonly source: FileEntry;
  readonly shards: readonly FileEntry[];
}

export async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}

/** Undefined when there is none that this version can use. */
export async function readManifest(folder: string): Promise<Manifest | undefined> {
  let text: string;
  try {
    text = await readFile(join(folder, 'manifest.json'), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new DataError(`Cannot read ${join(folder, 'manifest.json')}: ${(error as Error).message}`, error);
  }
  try {
    const manifest = JSON.parse(text) as Manifest;
    return manifest.layout === layout && Array.isArray(manifest.shards) ? manifest : undefined;
  } catch {
    return undefined;
  }
}

/** Whether `file` has the size and hash that its entry says. */
export async function isIntact(file: string, entry: FileEntry): Promise<boolean> {
  try {
    return (await stat(file)).size === entry.bytes && (await sha256(file)) === entry.sha256;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
