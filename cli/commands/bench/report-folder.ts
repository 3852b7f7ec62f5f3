/** Writes a run's report; without the packages that draw pictures, what can be written without them. */
import type { LoadRun } from '../../../bench/load/run.ts';
import { addHistograms, formatHgrm } from '../../../bench/report/histogram.ts';
import { writeWholeFolder } from '../../../bench/report/whole-folder.ts';
import { readyToReport, writeReport } from '../../../bench/report/write-report.ts';
import { RegatherError } from '../../../shared/errors/errors.ts';

export interface ReportFolder {
  /** What it will be without, in one line. */
  readonly lacking: string | undefined;
  write(run: LoadRun): Promise<void>;
}

/** Before a run of minutes: throws USAGE if the folder exists, REPORT_UNWRITABLE where it can't be made. */
export async function openReportFolder(folder: string): Promise<ReportFolder> {
  try {
    await readyToReport(folder);
    return { lacking: undefined, write: (run) => writeReport(folder, [run]) };
  } catch (error) {
    if (!(error instanceof RegatherError) || error.code !== 'PACKAGE_MISSING') throw error;
    return {
      lacking: `The report will have no page and no pictures: ${error.message}`,
      write: (run) => writeWholeFolder(folder, plainFiles(run)),
    };
  }
}

function plainFiles(run: LoadRun): Record<string, string> {
  const histogram = addHistograms(run.blocks.map((block) => block.latency));
  const recorded = histogram !== undefined && histogram.totalCount > 0;
  return {
    'run.json': `${JSON.stringify(run)}\n`,
    ...(recorded ? { 'run.hgrm': formatHgrm(histogram) } : {}),
  };
}
