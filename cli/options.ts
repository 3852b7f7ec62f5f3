/** Options that several commands share, and reading the config that they name. */
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { type ConfigFlag, type LoadedConfig, loadConfig } from '../shared/config/load.ts';
import { RegatherError } from '../shared/errors/errors.ts';

export const defaultConfig = 'regather.yaml';

export interface ConfigOptions {
  readonly config?: string;
  readonly set?: readonly string[];
}

export interface JsonOption {
  readonly json?: boolean;
}

export function addConfigOptions(command: Command): Command {
  return command
    .option('-c, --config <file>', `the config (default: ${defaultConfig})`)
    .option('--set <key=value>', 'a config value, for instance root.plain=true; may be repeated', collect);
}

export function addJsonOption(command: Command, about: string): Command {
  return command.option('--json', about);
}

/** Whom a command calls, and with which schema. */
export function addSchemaOptions(command: Command): Command {
  return command
    .option('-a, --address <address>', 'whom to call (default: root.listen of the config)')
    .option(
      '--proto <file>',
      "the .proto or descriptor set (default: the config's, or reflection with --address)",
    )
    .option('-I, --include <folder>', 'where imports of --proto are; may be repeated', collect);
}

/** How it calls. */
export function addCallOptions(command: Command): Command {
  return command
    .option('-m, --metadata <key:value>', 'metadata to send; may be repeated; -bin values as base64', collect)
    .option('--shard <n>', 'one shard of a worker, called directly')
    .option('--ca <file>', 'call with TLS, trusting who is in this PEM file')
    .option('--cert <file>', 'the certificate to show (mutual TLS), PEM')
    .option('--key <file>', 'its private key, PEM')
    .option('--server-name <name>', "the name expected in the server's certificate");
}

export function collect(value: string, earlier: readonly string[] = []): string[] {
  return [...earlier, value];
}

/** What is shown to an admin port that asks: --token, else what the config has, if there is one. */
export function adminToken(options: ConfigOptions & { readonly token?: string }): string | undefined {
  if (options.token !== undefined) return options.token;
  if (options.config === undefined && !existsSync(defaultConfig)) return undefined;
  return openConfig(options, undefined).config.admin.token;
}

/** `positional` is the config as an argument; `flags` are the command's own options that set a key. */
export function openConfig(
  options: ConfigOptions,
  positional: string | undefined,
  flags: readonly (ConfigFlag | undefined)[] = [],
): LoadedConfig {
  if (positional !== undefined && options.config !== undefined && positional !== options.config) {
    throw new RegatherError(
      'USAGE',
      `Expected one config, got "${positional}" and --config "${options.config}"`,
    );
  }
  const set = (options.set ?? []).map((text): ConfigFlag => {
    const equals = text.indexOf('=');
    if (equals <= 0) throw new RegatherError('USAGE', `--set: expected key=value, got "${text}"`);
    return { key: text.slice(0, equals), value: text.slice(equals + 1), flag: '--set' };
  });
  const own = flags.filter((flag) => flag !== undefined);
  return loadConfig(positional ?? options.config ?? defaultConfig, { flags: [...set, ...own] });
}

/** An option that sets a config key, where it was given. */
export function flagFor(key: string, value: unknown, flag: string): ConfigFlag | undefined {
  return value === undefined ? undefined : { key, value, flag };
}

export function wholeNumber(option: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && text.trim() !== '' && value >= least && value <= most) return value;
  throw new RegatherError(
    'USAGE',
    `${option}: expected a whole number from ${least} to ${most}, got "${text}"`,
  );
}
