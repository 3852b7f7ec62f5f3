/** `regather call`: one request in JSON, its answer in JSON, and what the trailers say of it. */
import { text as readAll } from 'node:stream/consumers';
import { type Client, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { RegatherError } from '../../shared/errors/errors.ts';
import { statusName } from '../../shared/errors/status-names.ts';
import { silentLogger } from '../../shared/log/logger.ts';
import { decodeJson, type Json } from '../json/decode.ts';
import { encodeJson } from '../json/encode.ts';
import { JsonTypes } from '../json/types.ts';
import { type JsonOption, wholeNumber } from '../options.ts';
import { printJson, printLine } from '../output.ts';
import type { Exit } from '../program.ts';
import { coverageOf, coverageText, detailsOf } from '../rpc/coverage.ts';
import { explainBytes, explainOf } from '../rpc/explain.ts';
import { type FoundMethod, findMethod } from '../rpc/method.ts';
import { metadataPairs, openClient, prepareWith, type TargetOptions, targetOf } from '../rpc/target.ts';
import { waterfall } from '../rpc/waterfall.ts';
import { quietGrpc } from './bind.ts';

export interface CallOptions extends TargetOptions, JsonOption {
  readonly timeout?: string;
  readonly explain?: boolean;
}

export async function call(method: string, request: string, options: CallOptions): Promise<Exit> {
  quietGrpc(silentLogger);
  const metadata = metadataOf(options);
  const timeoutMs =
    options.timeout === undefined ? undefined : wholeNumber('--timeout', options.timeout, 1, 86_400_000);
  const value = parseRequest(request === '-' ? await readAll(process.stdin) : request);
  const target = targetOf(options);
  const client = openClient(target);
  try {
    const { found, types, bytes } = await prepareWith(client, target, (descriptors): Prepared => {
      const found = findMethod(descriptors, method, target.service);
      const types = new JsonTypes(descriptors);
      return { found, types, bytes: encodeJson(types, types.message(found.requestType), value) };
    });
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

export function parseRequest(text: string): unknown {
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
  for (const [key, value] of metadataPairs(options)) {
    metadata.add(key, key.endsWith('-bin') ? Buffer.from(value, 'base64') : value);
  }
  if (options.explain === true) metadata.set('regather-explain', explainBytes);
  return metadata;
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
    const explain = explainOf(trailers);
    const details = failure === undefined ? [] : detailsOf(trailers, this.#types);
    if (this.#json) {
      printJson({
        status: statusName(failure?.code ?? 0),
        ...(failure === undefined ? {} : { message: failure.details, details }),
        ...(response === undefined ? {} : { response }),
        ...(this.#method.streaming ? { items: this.#items } : {}),
        ...(coverage === undefined ? {} : { coverage }),
        ...(explain === undefined ? {} : { explain }),
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
    if (explain !== undefined) {
      const { columns, isTTY } = process.stderr;
      const colour = isTTY === true && process.env.NO_COLOR === undefined;
      say(
        waterfall(explain, { width: isTTY === true ? columns : USUAL_WIDTH, colour, shards: SHOWN_SHARDS }),
      );
    }
    const items = this.#method.streaming ? `${this.#items} items, ` : '';
    if (failure === undefined) say(`${items}${ms} ms`);
    return failure === undefined ? 0 : 1;
  }
}

/** Where there is no terminal. */
const USUAL_WIDTH = 110;
/** Of an explanation; --json has all that came. */
const SHOWN_SHARDS = 16;

const coverageType = 'type.googleapis.com/regather.v1.Coverage';

const identity = (bytes: Buffer): Buffer => bytes;

function failureOf(ended: { code: number; details: string }): { code: number; details: string } | undefined {
  return ended.code === status.OK ? undefined : ended;
}
