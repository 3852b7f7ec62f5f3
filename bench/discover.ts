/** All scenarios: every file in scenarios/ that ends in .ts is one. */
import { readdirSync } from 'node:fs';
import type { Scenario } from './scenario.ts';

const folder = new URL('./scenarios/', import.meta.url);

export async function discoverScenarios(): Promise<Scenario[]> {
  const files = readdirSync(folder).filter((file) => file.endsWith('.ts'));
  return await Promise.all(
    files.sort().map(async (file): Promise<Scenario> => {
      const { scenario } = (await import(new URL(file, folder).href)) as { scenario?: Scenario };
      if (scenario?.name !== file.slice(0, -3)) {
        throw new Error(
          `Expected bench/scenarios/${file} to export a scenario of its name, got ${scenario?.name}`,
        );
      }
      return scenario;
    }),
  );
}
