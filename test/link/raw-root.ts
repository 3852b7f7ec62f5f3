import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { linkDefinition } from '../../shared/link/definition.ts';
import { FrameWriter } from '../../shared/link/frame-writer.ts';

/** A root written frame by frame, to say what ours never would. */
export class RawRoot {
  readonly frames = new FrameWriter(() => undefined);
  readonly messages: Buffer[] = [];
  readonly over: Promise<{ code: number; details: string }>;
  readonly #client: Client;
  readonly #stream;

  constructor(address: string) {
    this.#client = new Client(address, credentials.createInsecure());
    const { path, requestSerialize, responseDeserialize } = linkDefinition.Open;
    this.#stream = this.#client.makeBidiStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      new Metadata(),
      {},
    );
    this.#stream.on('data', (message: Buffer) => this.messages.push(message));
    this.over = new Promise((resolve) => {
      this.#stream.on('error', ({ code, details }: ServiceError) => resolve({ code, details }));
    });
  }

  say(bytes = this.frames.take()): void {
    this.#stream.write(bytes);
  }

  close(): void {
    this.#client.close();
  }
}
