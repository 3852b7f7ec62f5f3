import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { packageRoot } from '../../shared/package.ts';
import { runProtoc } from './protoc.ts';

/**
 * A folder of Python messages made by protoc (python3-grpc-tools refuses proto3's `optional`) of .proto files beneath `includeDirs`, relative
 * to the package, and Regather's own; removed when the test ends.
 */
export function pythonMessages(
  t: ExecutionContext,
  includeDirs: readonly string[],
  files: readonly string[],
): string {
  const folder = mkdtempSync(join(tmpdir(), 'regather-python-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const includes = [...includeDirs, 'proto'].map((path) => join(packageRoot, path));
  const ours = ['annotations', 'coverage', 'link'].map((name) => `regather/v1/${name}.proto`);
  const complaint = runProtoc(includes, [`--python_out=${folder}`, ...files, ...ours]);
  if (complaint !== undefined) throw new Error(`protoc refuses ${files.join(', ')}: ${complaint}`);
  return folder;
}
