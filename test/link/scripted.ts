/** A root's end whose worker is the test, frame by frame. */
import { RegatherError } from '../../shared/errors/errors.ts';
import { FrameWriter } from '../../shared/link/frame-writer.ts';
import type { LeafCall } from '../../shared/link/leaf-call.ts';
import { RootEnd } from '../../shared/link/root-end.ts';
import { FakeClock, helloOf, leafCall, MemoryPipe, Recorder, seen } from './memory.ts';

export class Scripted {
  readonly pipe = new MemoryPipe();
  readonly clock = new FakeClock();
  readonly failed: RegatherError[] = [];
  readonly frames = new FrameWriter(() => undefined);
  readonly end: RootEnd;
  readonly #taken: Buffer[] = [];

  constructor(refuse: () => string | undefined = () => undefined) {
    this.end = new RootEnd({
      pipe: this.pipe,
      hello: helloOf('root'),
      refuse,
      clock: this.clock,
      silenceMs: 800,
      idleMs: 10_000,
      on: {
        ready: () => undefined,
        state: () => undefined,
        failed: (error) => {
          this.failed.push(error);
          this.end.lose(error);
        },
        defect: (error) => this.failed.push(RegatherError.from(error)),
      },
    });
  }

  /** Sends what was written to `frames`. */
  say(): void {
    this.end.receive(this.frames.take());
  }

  greet(over = {}): this {
    this.frames.hello(helloOf('worker', over));
    this.say();
    return this;
  }

  start(shards: readonly number[], over: Partial<LeafCall> = {}): Recorder {
    const recorder = new Recorder();
    this.end.run(leafCall(shards, over), recorder);
    return recorder;
  }

  part(
    id: number,
    seq: number,
    data: string,
    shards: readonly number[],
    segments: readonly number[] = [],
  ): void {
    const bytes = Buffer.from(data);
    this.frames.chunk(id, seq, bytes, 0, bytes.length, true, shards, segments);
  }

  /** Everything that the root has written so far, which the transport then has taken. */
  written() {
    for (;;)
      if (
        !this.pipe.deliver(
          (message) => this.#taken.push(message),
          () => this.end.drained(),
        )
      )
        return seen(this.#taken);
  }
}
