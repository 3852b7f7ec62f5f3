/** An ordinary gRPC client of the flights service: it knows the .proto and an address, and nothing of shards. */
import { fileURLToPath } from 'node:url';
import {
  type CallOptions,
  Client,
  credentials,
  Metadata,
  type MethodDefinition,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { loadSync, type MessageTypeDefinition, type ServiceDefinition } from '@grpc/proto-loader';

export interface Coverage {
  readonly expected: number;
  readonly answered: number;
}

export interface Answer<T> {
  readonly response: T;
  /** From the trailer that comes with every answer. */
  readonly coverage: Coverage;
  /** From the call to the end of the answer. */
  readonly elapsedMs: number;
}

type Method = MethodDefinition<object, object>;

export class FlightsClient {
  readonly #client: Client;
  readonly #methods: ServiceDefinition;
  readonly #coverage: MessageTypeDefinition<object, object>;

  /** `address` is "host:port". */
  constructor(address: string) {
    const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
    const types = loadSync(here('flights.proto'), {
      includeDirs: [here('../../proto')],
      longs: String,
      enums: String,
      defaults: true,
    });
    this.#methods = types['flights.v1.Flights'] as ServiceDefinition;
    this.#coverage = types['regather.v1.Coverage'] as MessageTypeDefinition<object, object>;
    this.#client = new Client(address, credentials.createInsecure());
  }

  /** Rejects when the service can't be reached within `timeoutMs`. */
  ready(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#client.waitForReady(Date.now() + timeoutMs, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Rejects with a ServiceError. */
  call<T>(name: string, request: object, options: CallOptions = {}): Promise<Answer<T>> {
    const method = this.#methods[name] as Method;
    const start = performance.now();
    return new Promise((resolve, reject) => {
      let response: object | undefined;
      let failure: ServiceError | undefined;
      const call = this.#client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        new Metadata(),
        options,
        (error, value) => {
          if (error) failure = error;
          else response = value;
        },
      );
      call.on('status', ({ code, metadata }) => {
        const elapsedMs = performance.now() - start;
        // The callback comes in the same turn, before or after.
        setImmediate(() => {
          if (code !== status.OK) reject(failure);
          else resolve({ response: response as T, coverage: this.#coverageOf(metadata), elapsedMs });
        });
      });
    });
  }

  /** Hands every message to `onMessage`. The response of the answer is how many there were. */
  stream<T>(
    name: string,
    request: object,
    onMessage: (message: T) => void,
    options: CallOptions = {},
  ): Promise<Answer<number>> {
    const method = this.#methods[name] as Method;
    const start = performance.now();
    return new Promise((resolve, reject) => {
      let messages = 0;
      const call = this.#client.makeServerStreamRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        new Metadata(),
        options,
      );
      call.on('data', (message: T) => {
        messages++;
        onMessage(message);
      });
      call.on('error', reject);
      call.on('status', ({ code, metadata }) => {
        const elapsedMs = performance.now() - start;
        if (code === status.OK)
          resolve({ response: messages, coverage: this.#coverageOf(metadata), elapsedMs });
      });
    });
  }

  close(): void {
    this.#client.close();
  }

  #coverageOf(trailers: Metadata): Coverage {
    const bytes = trailers.get('regather-coverage-bin')[0];
    if (!Buffer.isBuffer(bytes))
      throw new Error('The answer came without regather-coverage-bin: no root sent it');
    return this.#coverage.deserialize(bytes) as Coverage;
  }
}
