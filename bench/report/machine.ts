import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem, type } from 'node:os';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly os: string;
  readonly node: string;
  readonly grpcJs: string;
  /** One minute's load average when the run began: well above 0, something else was using the machine. */
  readonly loadBefore: number;
}

export function readMachine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    os: `${type()} ${release()}`,
    node: process.version,
    grpcJs: versionOf('@grpc/grpc-js'),
    loadBefore: Math.round(loadavg()[0]! * 100) / 100,
  };
}

export function machineLine(machine: Machine): string {
  return (
    `${machine.cores} × ${machine.cpu}, ${machine.memoryGib} GiB, ${machine.os}, Node ${machine.node}, ` +
    `grpc-js ${machine.grpcJs}, load before ${machine.loadBefore}`
  );
}

function versionOf(name: string): string {
  const file = new URL(import.meta.resolve(`${name}/package.json`));
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
