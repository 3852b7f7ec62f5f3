/** `regather call`: one request in JSON, its answer in JSON, and what the trailers say of it. */
import { existsSync } from 'node:fs';
import { text as readAll } from 'node:stream/consumers';
import { Client, connectivityState, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { RegatherError } from '../../shared/errors/errors.ts';
import { statusName } from '../../shared/errors/status-names.ts';
import { silentLogger } from '../../shared/log/logger.ts';
import { type Descriptors, loadDescriptors } from '../../shared/schema/descriptors.ts';
import { channelCredentials, serverNameOptions } from '../../shared/tls/credentials.ts';
import { decodeJson, type Json } from '../json/decode.ts';
import { encodeJson } from '../json/encode.ts';
import { JsonTypes } from '../json/types.ts';
import { type ConfigOptions, defaultConfig, type JsonOption, openConfig, wholeNumber } from '../options.ts';
import { printJson, printLine } from '../output.ts';
import type { Exit } from '../program.ts';
import { coverageOf, coverageText, detailsOf } from '../rpc/coverage.ts';
import { type FoundMethod, findMethod } from '../rpc/method.ts';
import { reflect } from '../rpc/reflect.ts';
import { descriptorSource } from '../service.ts';
import { quietGrpc } from './bind.ts';
import { schemaSource } from './check.ts';

export interface CallOptions extends ConfigOptions, JsonOption {
  readonly address?: string;
  readonly proto?: string;
  readonly include?: readonly string[];
  readonly timeout?: string;
  readonly metadata?: readonly string[];
  readonly shard?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly serverName?: string;
}

/** grpc-js waits for ever for a peer that accepts and never speaks. */
const connectTimeoutMs = 5000;

export async function call(method: string, request: string, options: CallOptions): Promise<Exit> {
  quietGrpc(silentLogger);
  const metadata = metadataOf(options);
  const timeoutMs =
    options.timeout === undefined ? undefined : wholeNumber('--timeout', options.timeout, 1, 86_400_000);
  const value = parseRequest(request === '-' ? await readAll(process.stdin) : request);
  const target = targetOf(options);
  const { ca, cert, key, serverName } = options;
  const secure = [ca, cert, key, serverName].some((one) => one !== undefined);
  const tls = secure ? { ca, cert, key, server_name: serverName } : undefined;
  const client = new Client(target.address, channelCredentials(tls), {
    'grpc.enable_retries': 0,
    'grpc.enable_channelz': 0,
    'grpc.service_config_disable_resolution': 1,
    'grpc.max_receive_message_length': -1,
    ...serverNameOptions(tls),
  });
  const prepare = (descriptors: Descriptors): Prepared => {
    const found = findMethod(descriptors, method, target.service);
    const types = new JsonTypes(descriptors);
    return { found, types, bytes: encodeJson(types, types.message(found.requestType), value) };
  };
  try {
    // Wrong usage is told first, whoever is there or not; without a schema of our own it takes the server's to know.
    const known = target.descriptors === undefined ? undefined : prepare(target.descriptors);
    await connect(client, target.address);
    const { found, types, bytes } = known ?? prepare(await reflectOr(client, target.address));
    // From here on: reading the schema and connecting aren't part of the call.
    const deadline = timeoutMs === undefined ? undefined : Date.now() + timeoutMs;
    return await new Conversation(client, found, types, options.json === true).run(bytes, metadata, deadline);
  } finally {
    client.close();
  }
}

interface Prepared {
  readonly found: FoundMethod;
  readonly types: JsonTypes;
  readonly bytes: Buffer;
}

interface Target {
  readonly address: string;
  /** Absent: to be asked by reflection. */
  readonly descriptors?: Descriptors;
  readonly service?: string;
}

function targetOf(options: CallOptions): Target {
  const { address, proto } = options;
  const withConfig = options.config !== undefined || (address === undefined && proto === undefined);
  if (proto !== undefined) {
    const descriptors = loadDescriptors(schemaSource(proto, options.include ?? []));
    return { address: address ?? openConfig(options, undefined).config.root.listen, descriptors };
  }
  if (address !== undefined && !withConfig) return { address };
  if (options.config === undefined && !existsSync(defaultConfig)) {
    throw new RegatherError('USAGE', `Expected --address or --config: there is no ${defaultConfig} here`);
  }
  const loaded = openConfig(options, undefined);
  const { name } = loaded.config.service;
  return {
    address: address ?? loaded.config.root.listen,
    descriptors: loadDescriptors(descriptorSource(loaded)),
    ...(name === undefined ? {} : { service: name }),
  };
}

function parseRequest(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new RegatherError(
      'USAGE',
      `The request: expected JSON, ${(error as Error).message.replaceAll('\n', ' ')}`,
    );
  }
}

function metadataOf(options: CallOptions): Metadata {
  const metadata = new Metadata();
  for (const pair of options.metadata ?? []) {
    const colon = pair.indexOf(':');
    const key = pair.slice(0, colon).trim();
    if (colon <= 0 || !/^[0-9a-zA-Z_.-]+$/.test(key)) {
      throw new RegatherError('USAGE', `--metadata: expected key:value, got "${pair}"`);
    }
    const value = pair.slice(colon + 1).trim();
    metadata.add(key, key.endsWith('-bin') ? Buffer.from(value, 'base64') : value);
  }
  if (options.shard !== undefined) {
    metadata.set('regather-shard', String(wholeNumber('--shard', options.shard, 0, 2 ** 31)));
  }
  return metadata;
}

/** Fails as soon as the connection is refused; `waitForReady` alone would try again until its time is up. */
function connect(client: Client, address: string): Promise<void> {
  const channel = client.getChannel();
  const deadline = Date.now() + connectTimeoutMs;
  return new Promise((resolve, reject) => {
    const look = (): void => {
      const state = channel.getConnectivityState(true);
      if (state === connectivityState.READY) resolve();
      else if (state === connectivityState.TRANSIENT_FAILURE) {
        reject(new RegatherError('UNAVAILABLE', `Nobody answers at ${address}: the connection failed`));
      } else {
        channel.watchConnectivityState(state, deadline, (error) => {
          if (error === undefined) look();
          else
            reject(
              new RegatherError('UNAVAILABLE', `Nobody answers at ${address} within ${connectTimeoutMs} ms`),
            );
        });
      }
    };
    look();
  });
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

/** One call and what is printed of it. */
class Conversation {
  readonly #client: Client;
  readonly #method: FoundMethod;
  readonly #types: JsonTypes;
  readonly #json: boolean;
  readonly #startedAt = performance.now();
  #items = 0;

  constructor(client: Client, method: FoundMethod, types: JsonTypes, json: boolean) {
    this.#client = client;
    this.#method = method;
    this.#types = types;
    this.#json = json;
  }

  run(request: Buffer, metadata: Metadata, deadline: number | undefined): Promise<Exit> {
    return this.#method.streaming
      ? this.#stream(request, metadata, deadline)
      : this.#unary(request, metadata, deadline);
  }

  #unary(request: Buffer, metadata: Metadata, deadline: number | undefined): Promise<Exit> {
    return new Promise((resolve, reject) => {
      let trailers = new Metadata();
      let answer: Buffer | undefined;
      let failure: ServiceError | null = null;
      const one = this.#client.makeUnaryRequest(
        this.#method.path,
        identity,
        identity,
        request,
        metadata,
        deadline === undefined ? {} : { deadline },
        (error, value) => {
          failure = error;
          answer = value;
        },
      );
      // The status comes after the callback, and its metadata are the trailers.
      one.on('status', (ended) => {
        trailers = ended.metadata;
        try {
          resolve(
            this.#finish(
              failure ?? undefined,
              trailers,
              answer === undefined ? undefined : this.#decode(answer),
            ),
          );
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  #stream(request: Buffer, metadata: Metadata, deadline: number | undefined): Promise<Exit> {
    return new Promise((resolve, reject) => {
      let failure: ServiceError | undefined;
      const stream = this.#client.makeServerStreamRequest(
        this.#method.path,
        identity,
        identity,
        request,
        metadata,
        deadline === undefined ? {} : { deadline },
      );
      stream.on('data', (bytes: Buffer) => {
        this.#items += 1;
        try {
          const item = this.#decode(bytes);
          printJson(this.#json ? { item } : (item as object));
        } catch (error) {
          stream.cancel();
          reject(error);
          return;
        }
        // A reader that is slower than the shards (a pipe into less) holds them back.
        if (process.stdout.writableNeedDrain) {
          stream.pause();
          process.stdout.once('drain', () => stream.resume());
        }
      });
      stream.on('error', (error: ServiceError) => {
        failure = error;
      });
      stream.on('status', (ended) =>
        resolve(this.#finish(failure ?? failureOf(ended), ended.metadata, undefined)),
      );
    });
  }

  #decode(bytes: Buffer): Json {
    return decodeJson(this.#types, this.#types.message(this.#method.responseType), bytes);
  }

  #finish(
    failure: { code: number; details: string } | undefined,
    trailers: Metadata,
    response: Json | undefined,
  ): Exit {
    const ms = Math.round((performance.now() - this.#startedAt) * 100) / 100;
    const coverage = coverageOf(trailers);
    const details = failure === undefined ? [] : detailsOf(trailers, this.#types);
    if (this.#json) {
      printJson({
        status: statusName(failure?.code ?? 0),
        ...(failure === undefined ? {} : { message: failure.details, details }),
        ...(response === undefined ? {} : { response }),
        ...(this.#method.streaming ? { items: this.#items } : {}),
        ...(coverage === undefined ? {} : { coverage }),
        ms,
      });
      return failure === undefined ? 0 : 1;
    }
    if (response !== undefined) printLine(JSON.stringify(response, null, 2));
    const say = (text: string): void => {
      process.stderr.write(`${text}\n`);
    };
    if (failure !== undefined) {
      say(`${statusName(failure.code)}: ${failure.details}`);
      for (const detail of details) {
        if ((detail as { '@type'?: string })['@type'] !== coverageType)
          say(`details: ${JSON.stringify(detail)}`);
      }
    }
    if (coverage !== undefined) say(`coverage: ${coverageText(coverage)}`);
    const items = this.#method.streaming ? `${this.#items} items, ` : '';
    if (failure === undefined) say(`${items}${ms} ms`);
    return failure === undefined ? 0 : 1;
  }
}

const coverageType = 'type.googleapis.com/regather.v1.Coverage';

const identity = (bytes: Buffer): Buffer => bytes;

function failureOf(ended: { code: number; details: string }): { code: number; details: string } | undefined {
  return ended.code === status.OK ? undefined : ended;
}
