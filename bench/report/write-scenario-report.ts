/** The report of a scenario as a folder: a page with its tables and pictures, and the data. */
import { formatPage, type PageTable } from './html.ts';
import { machineLine } from './machine.ts';
import { type Report, reportJson } from './report.ts';
import { chartsOfReport, efficienciesOf } from './scenario-charts.ts';
import { conditionsOf, figure, optionsLine, rowsOf, targetText } from './table.ts';
import { writeWholeFolder } from './whole-folder.ts';
import { drawAll, pictureFiles, readyToReport } from './write-report.ts';

/** As `writeReport`, of what a scenario measured. */
export async function writeScenarioReport(folder: string, report: Report): Promise<void> {
  const painter = await readyToReport(folder);
  const pictures = await drawAll(painter, chartsOfReport(report));
  const page = formatPage({
    title: `${report.scenario}: ${report.claim}`,
    lines: [
      `${machineLine(report.machine)}. ${report.at}.`,
      `${optionsLine(report)}.`,
      `Median (min–max); × is against ${report.baseline} in this run.`,
      ...report.targets.map(targetText),
      ...report.notes,
    ],
    warnings: report.smoke ? ['A smoke run: it shows that it runs; the figures mean nothing.'] : [],
    tables: [
      ...conditionsOf(report).map((condition) => tableOf(report, condition)),
      ...efficiencyTable(report),
    ],
    pictures,
    files: ['report.json'],
  });
  await writeWholeFolder(folder, {
    'index.html': page,
    'report.json': reportJson(report),
    ...(await pictureFiles(painter, pictures)),
  });
}

function tableOf(report: Report, condition: string): PageTable {
  const { header, rows } = rowsOf(report, condition);
  return { caption: condition, head: header, rows };
}

const efficiencyQuantiles = [0.5, 0.9, 0.99, 0.999];

function efficiencyTable(report: Report): PageTable[] {
  const all = efficienciesOf(report, efficiencyQuantiles);
  if (all.length === 0) return [];
  const rows = Map.groupBy(all, ({ arm, condition, ideal }) =>
    [condition, arm, ideal].filter((part) => part !== '').join(': '),
  );
  return [
    {
      caption: 'Efficiency: ideal ÷ measured',
      head: ['', ...efficiencyQuantiles.map((q) => `p${Number((q * 100).toFixed(3))}`)],
      rows: [...rows].map(([name, ofRow]) => [name, ...ofRow.map((one) => figure(one.efficiency))]),
    },
  ];
}
