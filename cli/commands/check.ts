/** `regather check`: is everything right that can be known without running it, and what does it mean. */
import { extname } from 'node:path';
import { topologyFromConfig } from '../../root/topology/from-config.ts';
import { loadConfig } from '../../shared/config/load.ts';
import { RegatherError } from '../../shared/errors/errors.ts';
import { compileMerger } from '../../shared/merge/compile.ts';
import { compilePlan } from '../../shared/schema/compile.ts';
import { type DescriptorSource, loadDescriptors } from '../../shared/schema/descriptors.ts';
import { formatPlan } from '../../shared/schema/format.ts';
import type { ServicePlan } from '../../shared/schema/plan.ts';
import { planJson } from '../../shared/schema/plan-json.ts';
import type { JsonOption } from '../options.ts';
import { printJson, printLine } from '../output.ts';
import type { Exit } from '../program.ts';
import { loadService } from '../service.ts';

export interface CheckOptions extends JsonOption {
  readonly service?: string;
  readonly include?: readonly string[];
}

export async function check(file: string, options: CheckOptions): Promise<Exit> {
  const plan = /^\.(ya?ml|json)$/i.test(extname(file))
    ? await checkConfig(file, options)
    : checkSchema(file, options);
  if (options.json === true) printJson(planJson(plan));
  else printLine(formatPlan(plan).trimEnd());
  return 0;
}

async function checkConfig(file: string, options: CheckOptions): Promise<ServicePlan> {
  if (options.service !== undefined || options.include !== undefined) {
    throw new RegatherError(
      'USAGE',
      '--service and --include are for .proto files: a config has service.name',
    );
  }
  const loaded = loadConfig(file);
  const { plan, reducers } = await loadService(loaded);
  for (const method of plan.methods) if (method.merge !== undefined) compileMerger(method, reducers);
  if (loaded.config.topology !== undefined) {
    const provider = topologyFromConfig(loaded);
    await provider.start(
      () => {},
      () => {},
    );
    provider.stop();
  }
  return plan;
}

function checkSchema(file: string, options: CheckOptions): ServicePlan {
  return compilePlan(loadDescriptors(schemaSource(file, options.include ?? [])), options.service);
}

/** By its ending: what isn't a .proto is a descriptor set. */
export function schemaSource(file: string, includeDirs: readonly string[]): DescriptorSource {
  return extname(file) === '.proto' ? { proto: file, includeDirs } : { descriptor: file };
}
