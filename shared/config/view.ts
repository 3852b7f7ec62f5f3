/** The config as /configz shows it: every value that is set, flat, with where it came from; secrets masked. */
import { isRepeated, keysOf } from './keys.ts';
import { getIn, type LoadedConfig } from './load.ts';
import { configSchema } from './schema.ts';

export interface ConfigView {
  readonly file: string;
  readonly values: Readonly<Record<string, { readonly value: unknown; readonly source: string }>>;
}

export function configView(loaded: LoadedConfig): ConfigView {
  const values: Record<string, { value: unknown; source: string }> = {};
  for (const key of keysOf(configSchema)) {
    const source = loaded.sources.get(key.key);
    if (source === undefined || isRepeated(key)) continue;
    values[key.key] = { value: key.meta.secret === true ? '***' : getIn(loaded.config, key.path), source };
  }
  return { file: loaded.file, values };
}
