import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { wellKnown } from '../../shared/schema/proto/well-known.ts';

const found = spawnSync('protoc', ['--version'], { encoding: 'utf8' });

/** protoc is there to compare with. Under CI=true it has to be: a comparison that skips itself proves nothing. */
export const hasProtoc = found.status === 0 || process.env.CI === 'true';

/** What `protoc --include_imports --descriptor_set_out` makes of a file, or what it complains of. */
export function protoc(file: string, includeDirs: readonly string[], ...flags: string[]): Buffer | string {
  const folder = mkdtempSync(join(tmpdir(), 'regather-protoc-'));
  try {
    const out = join(folder, 'set.bin');
    // Debian's compiler comes without protobuf's own .proto files, and another version's would differ.
    for (const [name, text] of wellKnown) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    const includes = [...includeDirs, folder].map((dir) => `-I${dir}`);
    const run = spawnSync(
      'protoc',
      [...includes, '--include_imports', `--descriptor_set_out=${out}`, ...flags, file],
      {
        encoding: 'utf8',
      },
    );
    if (run.error !== undefined) throw run.error;
    return run.status === 0 ? readFileSync(out) : run.stderr;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
