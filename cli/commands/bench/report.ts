/** `regather bench report`: pictures of runs that were recorded before, together in one report. */
import { readLoadRun } from '../../../bench/report/read-result.ts';
import { writeReport } from '../../../bench/report/write-report.ts';
import type { JsonOption } from '../../options.ts';
import { printJson, printLine } from '../../output.ts';
import type { Exit } from '../../program.ts';

export interface ReportOptions extends JsonOption {
  readonly out: string;
}

export async function report(files: readonly string[], options: ReportOptions): Promise<Exit> {
  await writeReport(options.out, files.map(readLoadRun));
  if (options.json === true) printJson({ event: 'written', folder: options.out });
  else printLine(`${options.out}/index.html`);
  return 0;
}
