/**
 * What one end of a link has to say. Frames gather in a message that leaves at the end of the turn; while the transport is behind, nothing
 * is handed to it, so that what waits can still be cancelled, interleaved and counted here.
 */
import { FrameWriter } from './frame-writer.ts';
import { atTurnEnd, type TurnEnd } from './turn.ts';

/**
 * More than this many messages that the transport hasn't sent would only stand in front of newer ones; fewer would
 * leave it idle for a turn.
 */
const MAX_UNWRITTEN = 2;

/** One direction of a stream: messages leave through it. */
export interface Pipe {
  /** False: nothing more until `Outbox.drained`. `written` is called when the message has left, never from within. */
  write(message: Buffer, written: () => void): boolean;
}

export class Outbox implements TurnEnd {
  readonly frames: FrameWriter;
  readonly #pipe: Pipe;
  /** Adds frames to the message, as many as fit; true: there are more. */
  readonly #fill: () => boolean;
  readonly #closed: Buffer[] = [];
  readonly #written: () => void;
  #unwritten = 0;
  #choked = false;
  /** Something waits for the transport. */
  #held = false;
  #due = false;
  #shut = false;
  /** The number of the message that frames are added to now. */
  current = 0;
  /** Messages with a lower number were handed to the transport. */
  sent = 0;

  constructor(pipe: Pipe, fill: () => boolean) {
    this.#pipe = pipe;
    this.#fill = fill;
    this.frames = new FrameWriter(() => this.#close());
    this.#written = () => {
      this.#unwritten--;
      if (!this.#held) return;
      this.#held = false;
      this.touch();
    };
  }

  /** A message is waiting already, or the transport is behind: what can wait outside should. */
  get congested(): boolean {
    return this.#choked || this.#unwritten >= MAX_UNWRITTEN || this.#closed.length > 0;
  }

  /** There is something to send: it goes at the end of this turn. */
  touch(): void {
    if (this.#due || this.#shut) return;
    this.#due = true;
    atTurnEnd(this);
  }

  turnEnded(): void {
    this.#due = false;
    if (this.#shut) return;
    if (this.#blocked) {
      this.#held = true;
      return;
    }
    // At most one message's worth is taken per turn, so that links share the process fairly.
    const more = this.#closed.length > 0 || this.#fill();
    if (this.frames.sizeBytes > 0) this.#close();
    while (this.#closed.length > 0 && !this.#blocked) this.#send(this.#closed.shift()!);
    if (!more && this.#closed.length === 0) return;
    if (this.#blocked) this.#held = true;
    else this.touch();
  }

  /** The transport takes messages again. */
  drained(): void {
    this.#choked = false;
    this.touch();
  }

  /** Hands over what can be said now, behind or not: the last words before the stream ends. */
  flush(): void {
    if (this.#shut) return;
    this.#fill();
    if (this.frames.sizeBytes > 0) this.#close();
    while (this.#closed.length > 0) this.#send(this.#closed.shift()!);
  }

  /** Nothing is sent any more. */
  shut(): void {
    this.#shut = true;
    this.#closed.length = 0;
  }

  get #blocked(): boolean {
    return this.#choked || this.#unwritten >= MAX_UNWRITTEN;
  }

  #close(): void {
    this.#closed.push(this.frames.take());
    this.current++;
  }

  #send(message: Buffer): void {
    this.sent++;
    this.#unwritten++;
    if (!this.#pipe.write(message, this.#written)) this.#choked = true;
  }
}
