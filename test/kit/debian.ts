/**
 * The Debian packages that .ci/run installs for the suites. A suite that needs one runs wherever it is present, is reported as skipped where
 * it isn't, and fails under CI=true, where a suite that skips itself would pass by testing less.
 */
import { spawnSync } from 'node:child_process';
import type { ImplementationFn } from 'ava';

/** Debian's, which has the packages below; another python3 may come first in PATH. */
export const python = '/usr/bin/python3';

const probes = {
  python3: [python, '--version'],
  'python3-protobuf': [python, '-c', 'import google.protobuf'],
  'python3-grpcio': [python, '-c', 'import grpc'],
  'protobuf-compiler': ['protoc', '--version'],
  prometheus: ['promtool', '--version'],
  openssl: ['openssl', 'version'],
} as const;

export type DebianPackage = keyof typeof probes;

export const debianPackages = Object.keys(probes);

/** AVA's `test`, or its `test.serial`. */
export interface Declare {
  (title: string, run: ImplementationFn<[]>): void;
  skip(title: string, run: ImplementationFn<[]>): void;
}

const probed = new Map<DebianPackage, boolean>();

function isPresent(name: DebianPackage): boolean {
  let present = probed.get(name);
  if (present === undefined) {
    const [command, ...args] = probes[name];
    present = spawnSync(command, args, { stdio: 'ignore' }).status === 0;
    probed.set(name, present);
  }
  return present;
}

/** Declares tests that need these packages. */
export function needs(declare: Declare, ...packages: readonly DebianPackage[]) {
  return without(
    declare,
    packages.filter((name) => !isPresent(name)),
    process.env.CI === 'true',
  );
}

/** How tests are declared where these packages are missing. */
export function without(declare: Declare, missing: readonly string[], isCi: boolean) {
  return (title: string, run: ImplementationFn<[]>): void => {
    if (missing.length === 0) declare(title, run);
    else if (!isCi) declare.skip(title, run);
    else declare(title, (t) => t.fail(`missing: ${missing.join(', ')} (.ci/run installs them)`));
  };
}
