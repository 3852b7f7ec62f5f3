/** A scenario's report as a JSON file, whole or not at all. */
import { accessSync, constants, existsSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type Report, reportJson } from './report.ts';
import { makeFolder, unwritable } from './whole-folder.ts';

/** Makes its folder. Throws REPORT_UNWRITABLE where it can't be written: ask before minutes of measuring. */
export async function expectRoomForFile(file: string): Promise<void> {
  const folder = dirname(resolve(file));
  try {
    await makeFolder(folder);
    if (!statSync(folder).isDirectory()) throw new Error(`${folder} is a file`);
    accessSync(folder, constants.W_OK);
    if (statSync(file, { throwIfNoEntry: false })?.isDirectory()) throw new Error('it is a folder');
  } catch (error) {
    throw unwritable(file, error);
  }
}

/** In place of what is there. Throws REPORT_UNWRITABLE. */
export function writeReportFile(file: string, report: Report): void {
  const partial = `${file}.${process.pid}`;
  try {
    writeFileSync(partial, reportJson(report));
    renameSync(partial, file);
  } catch (error) {
    if (existsSync(partial)) rmSync(partial);
    throw unwritable(file, error);
  }
}
