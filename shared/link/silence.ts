/**
 * Notices that a peer which owes something has fallen silent. One timer per link, none per call. Silence is counted in time during
 * which this process was awake: where the timer itself fires late, the peer's bytes may be waiting unread.
 */
import type { Clock, Timer } from '../clock.ts';

/** What an idle peer may take for the answer to a Ping: nobody waits for it, and it may be busy with itself. */
const REST_LIMIT_MS = 5_000;

export interface SilenceOptions {
  readonly clock: Clock;
  /** So long without a message, while work is open, and the link is lost. */
  readonly limitMs: number;
  /** How long a link without work rests before it is checked with a Ping. */
  readonly idleMs: number;
  /** Work is open. */
  readonly busy: () => boolean;
  readonly ping: () => void;
  readonly lost: (silentMs: number) => void;
}

export class SilenceWatch {
  readonly #options: SilenceOptions;
  readonly #thirdMs: number;
  /** A timer later than this is taken for a stall of our own. */
  readonly #slackMs: number;
  readonly #check: () => void;
  #timer: Timer | undefined;
  #dueAt = 0;
  #heardAt: number;
  #excusedMs = 0;
  #pinged = false;
  #stopped = false;

  constructor(options: SilenceOptions) {
    this.#options = options;
    this.#thirdMs = Math.ceil(options.limitMs / 3);
    this.#slackMs = Math.max(1, options.limitMs / 16);
    this.#check = () => this.#tick();
    this.#heardAt = options.clock.now();
    this.#arm(options.idleMs, this.#heardAt);
  }

  /** A message came. */
  heard(): void {
    this.#heardAt = this.#options.clock.now();
    this.#excusedMs = 0;
    this.#pinged = false;
  }

  /** The first call since there was none: the peer had no reason to speak until now. */
  workBegins(): void {
    if (this.#stopped) return;
    const now = this.#options.clock.now();
    this.#heardAt = now;
    this.#excusedMs = 0;
    if (this.#dueAt > now + this.#thirdMs) this.#arm(this.#thirdMs, now);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #arm(delayMs: number, now: number): void {
    this.#timer?.cancel();
    this.#dueAt = now + delayMs;
    this.#timer = this.#options.clock.setTimer(this.#check, delayMs);
  }

  #tick(): void {
    if (this.#stopped) return;
    const { clock, idleMs } = this.#options;
    const busy = this.#options.busy();
    const limitMs = busy ? this.#options.limitMs : Math.max(this.#options.limitMs, REST_LIMIT_MS);
    const now = clock.now();
    const lateMs = now - this.#dueAt;
    const stalled = lateMs > this.#slackMs;
    if (stalled) this.#excusedMs += lateMs;
    const silentMs = now - this.#heardAt - this.#excusedMs;
    if (!this.#pinged && !busy) {
      if (silentMs < idleMs) {
        this.#arm(Math.max(this.#slackMs, idleMs - silentMs), now);
        return;
      }
      this.#heardAt = now;
      this.#excusedMs = 0;
      this.#sendPing();
      this.#arm(limitMs, now);
      return;
    }
    if (silentMs >= limitMs && !stalled) {
      this.#options.lost(now - this.#heardAt);
      return;
    }
    if (silentMs >= this.#thirdMs && !this.#pinged) this.#sendPing();
    const next = this.#pinged ? limitMs - silentMs : this.#thirdMs - silentMs;
    // At least a little: after a stall the sockets are read before this fires again.
    this.#arm(Math.max(stalled ? this.#slackMs : 1, next), now);
  }

  #sendPing(): void {
    this.#pinged = true;
    this.#options.ping();
  }
}
