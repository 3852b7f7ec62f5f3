import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { RegatherError } from '../../shared/errors/errors.ts';
import { type Descriptors, loadDescriptors } from '../../shared/schema/descriptors.ts';

/** Runs `use` with a folder that holds the files, and removes it. */
export function withFiles<T>(
  files: Readonly<Record<string, string | Uint8Array>>,
  use: (folder: string) => T,
): T {
  const folder = mkdtempSync(join(tmpdir(), 'regather-schema-'));
  try {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), content);
    }
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The descriptors of a.proto with this text; `more` are files beside it. */
export function compileText(text: string, more: Readonly<Record<string, string>> = {}): Descriptors {
  return withFiles({ 'a.proto': text, ...more }, (folder) =>
    loadDescriptors({ proto: join(folder, 'a.proto') }),
  );
}

/** The error that `run` throws; its message has the temporary folder cut off. */
export function errorOf(run: () => unknown): {
  code: string;
  message: string;
  line: number | undefined;
  field: string | undefined;
} {
  try {
    run();
  } catch (error) {
    if (!(error instanceof RegatherError)) throw error;
    const message = error.message.replaceAll(new RegExp(`${tmpdir()}/regather-schema-[^/]*/`, 'g'), '');
    return { code: error.code, message, line: error.line, field: error.field };
  }
  throw new Error('Nothing was thrown.');
}
