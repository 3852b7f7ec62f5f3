/** The service that a config names, compiled; and the modules it names, loaded. */
import { pathToFileURL } from 'node:url';
import { unknownMethod } from '../root/policy.ts';
import type { LoadedConfig } from '../shared/config/load.ts';
import { RegatherError } from '../shared/errors/errors.ts';
import type { CustomReducer, CustomReducers } from '../shared/reducers/custom.ts';
import { compilePlan } from '../shared/schema/compile.ts';
import { type DescriptorSource, type Descriptors, loadDescriptors } from '../shared/schema/descriptors.ts';
import type { ServicePlan } from '../shared/schema/plan.ts';

export interface LoadedService {
  readonly descriptors: Descriptors;
  readonly plan: ServicePlan;
  readonly reducers: CustomReducers;
}

export function descriptorSource(loaded: LoadedConfig): DescriptorSource {
  const { proto, descriptor, include } = loaded.config.service;
  return proto === undefined ? { descriptor: descriptor! } : { proto, includeDirs: include };
}

/** Throws what the schema and the modules throw, file, line and field; and what the config says of methods that aren't there. */
export async function loadService(loaded: LoadedConfig): Promise<LoadedService> {
  const reducers = await loadReducers(loaded);
  const descriptors = loadDescriptors(descriptorSource(loaded));
  const plan = compileNamed(loaded, descriptors, reducers);
  for (const name of Object.keys(loaded.config.root.methods)) {
    if (!plan.methods.some((method) => method.name === name)) {
      throw loaded.error(`root.methods.${name}`, unknownMethod(name, plan));
    }
  }
  return { descriptors, plan, reducers };
}

function compileNamed(loaded: LoadedConfig, descriptors: Descriptors, reducers: CustomReducers): ServicePlan {
  try {
    return compilePlan(descriptors, loaded.config.service.name, {
      customNames: new Set(reducers.keys()),
      customFree: new Set([...reducers.values()].filter((one) => one.free === true).map((one) => one.name)),
    });
  } catch (error) {
    if (!(error instanceof RegatherError) || error.code !== 'SERVICE_UNKNOWN') throw error;
    // It is the config that names the service, or should.
    throw loaded.error('service.name', error.message, error.code);
  }
}

/** The module's exports that are reducers; a list or an object of them counts too. */
export async function loadReducers(loaded: LoadedConfig): Promise<CustomReducers> {
  const path = loaded.config.reducers;
  const reducers = new Map<string, CustomReducer>();
  if (path === undefined) return reducers;
  const exported = await loadModule(loaded, 'reducers', path);
  const add = (value: unknown): void => {
    if (isReducer(value)) {
      const known = reducers.get(value.name);
      if (known !== undefined && known !== value) {
        throw loaded.error(
          'reducers',
          `expected each name once, got "${value.name}" twice`,
          'MODULE_INVALID',
        );
      }
      reducers.set(value.name, value);
    }
  };
  for (const value of Object.values(exported)) {
    add(value);
    if (isReducer(value) || typeof value !== 'object' || value === null) continue;
    for (const one of value instanceof Map ? value.values() : Object.values(value)) add(one);
  }
  if (reducers.size === 0) {
    const message = 'expected a module that exports reducers ({ name, merge }), got none';
    throw loaded.error('reducers', message, 'MODULE_INVALID');
  }
  return reducers;
}

function isReducer(value: unknown): value is CustomReducer {
  if (typeof value !== 'object' || value === null) return false;
  const { name, merge } = value as { name?: unknown; merge?: unknown };
  return typeof name === 'string' && typeof merge === 'function';
}

export async function loadModule(
  loaded: LoadedConfig,
  key: string,
  path: string,
): Promise<Readonly<Record<string, unknown>>> {
  try {
    return (await import(pathToFileURL(path).href)) as Record<string, unknown>;
  } catch (error) {
    const failure = loaded.error(key, `expected a module that loads: ${whyNot(error)}`, 'MODULE_INVALID');
    failure.cause = error;
    throw failure;
  }
}

/** One line; where TypeScript doesn't parse, Node tells the place at the head of the stack only. */
function whyNot(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const message = error.message.split('\n', 1)[0] ?? '';
  const place = /^(\/\S+:\d+)\n/.exec(error.stack ?? '')?.[1];
  return place === undefined ? message : `${place}: ${message}`;
}
