import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { wellKnown } from '../../shared/schema/proto/well-known.ts';

/** Runs protoc; returns what it complains of, or nothing. */
export function runProtoc(includeDirs: readonly string[], args: readonly string[]): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'regather-well-known-'));
  try {
    // Debian's compiler comes without protobuf's own .proto files, and another version's would differ.
    for (const [name, text] of wellKnown) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    const includes = [...includeDirs, folder].map((dir) => `-I${dir}`);
    const run = spawnSync('protoc', [...includes, ...args], { encoding: 'utf8' });
    if (run.error !== undefined) throw run.error;
    return run.status === 0 ? undefined : run.stderr;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What `protoc --include_imports --descriptor_set_out` makes of a file, or what it complains of. */
export function protoc(file: string, includeDirs: readonly string[], ...flags: string[]): Buffer | string {
  const folder = mkdtempSync(join(tmpdir(), 'regather-protoc-'));
  try {
    const out = join(folder, 'set.bin');
    const complaint = runProtoc(includeDirs, [
      '--include_imports',
      `--descriptor_set_out=${out}`,
      ...flags,
      file,
    ]);
    return complaint ?? readFileSync(out);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
