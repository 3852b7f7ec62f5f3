/** Whom a command calls and with which schema: options that `call` and `bench load` share. */
import { existsSync } from 'node:fs';
import { Client, type ServiceError, status } from '@grpc/grpc-js';
import { RegatherError } from '../../shared/errors/errors.ts';
import { statusName } from '../../shared/errors/status-names.ts';
import { connected } from '../../shared/link/connected.ts';
import { type Descriptors, loadDescriptors } from '../../shared/schema/descriptors.ts';
import { type ClientTls, channelCredentials, serverNameOptions } from '../../shared/tls/credentials.ts';
import { schemaSource } from '../commands/check.ts';
import { type ConfigOptions, defaultConfig, openConfig, wholeNumber } from '../options.ts';
import { descriptorSource } from '../service.ts';
import { reflect } from './reflect.ts';

export interface TargetOptions extends ConfigOptions {
  readonly address?: string;
  readonly proto?: string;
  readonly include?: readonly string[];
  readonly metadata?: readonly string[];
  readonly shard?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly serverName?: string;
}

export interface Target {
  readonly address: string;
  /** Absent: to be asked by reflection. */
  readonly descriptors?: Descriptors;
  readonly service?: string;
  readonly tls: ClientTls | undefined;
}

export function targetOf(options: TargetOptions): Target {
  const { address, proto } = options;
  const tls = tlsOf(options);
  const withConfig = options.config !== undefined || (address === undefined && proto === undefined);
  if (proto !== undefined) {
    const descriptors = loadDescriptors(schemaSource(proto, options.include ?? []));
    return { address: address ?? openConfig(options, undefined).config.root.listen, descriptors, tls };
  }
  if (address !== undefined && !withConfig) return { address, tls };
  if (options.config === undefined && !existsSync(defaultConfig)) {
    throw new RegatherError('USAGE', `Expected --address or --config: there is no ${defaultConfig} here`);
  }
  const loaded = openConfig(options, undefined);
  const { name } = loaded.config.service;
  return {
    address: address ?? loaded.config.root.listen,
    descriptors: loadDescriptors(descriptorSource(loaded)),
    ...(name === undefined ? {} : { service: name }),
    tls,
  };
}

function tlsOf({ ca, cert, key, serverName }: TargetOptions): ClientTls | undefined {
  const secure = [ca, cert, key, serverName].some((one) => one !== undefined);
  return secure ? { ca, cert, key, server_name: serverName } : undefined;
}

/** What --metadata and --shard say; values of "-bin" keys stay base64. */
export function metadataPairs(options: TargetOptions): [key: string, value: string][] {
  const pairs = (options.metadata ?? []).map((pair): [string, string] => {
    const colon = pair.indexOf(':');
    const key = pair.slice(0, colon).trim();
    if (colon <= 0 || !/^[0-9a-zA-Z_.-]+$/.test(key)) {
      throw new RegatherError('USAGE', `--metadata: expected key:value, got "${pair}"`);
    }
    return [key, pair.slice(colon + 1).trim()];
  });
  if (options.shard !== undefined) {
    pairs.push(['regather-shard', String(wholeNumber('--shard', options.shard, 0, 2 ** 31))]);
  }
  return pairs;
}

export function openClient({ address, tls }: Target): Client {
  return new Client(address, channelCredentials(tls), {
    'grpc.enable_retries': 0,
    'grpc.enable_channelz': 0,
    'grpc.service_config_disable_resolution': 1,
    'grpc.max_receive_message_length': -1,
    ...serverNameOptions(tls),
  });
}

/**
 * Connects, and gives what `prepare` makes of the schema. Wrong usage is told first, whoever is there or not; without a schema of our
 * own it takes the server's to know.
 */
export async function prepareWith<T>(
  client: Client,
  target: Target,
  prepare: (descriptors: Descriptors) => T | Promise<T>,
): Promise<T> {
  const { address, descriptors } = target;
  if (descriptors === undefined) {
    await connected(client, address);
    return await prepare(await reflectOr(client, address));
  }
  const prepared = await prepare(descriptors);
  await connected(client, address);
  return prepared;
}

async function reflectOr(client: Client, address: string): Promise<Descriptors> {
  try {
    return await reflect(client, address);
  } catch (error) {
    if (error instanceof RegatherError) throw error;
    const { code, details } = error as ServiceError;
    const hint = code === status.UNIMPLEMENTED ? ': it has no reflection, give --proto or --config' : '';
    throw new RegatherError(
      'UNAVAILABLE',
      `Reflection at ${address} failed, ${statusName(code)}: ${details}${hint}`,
    );
  }
}
