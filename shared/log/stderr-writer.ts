/**
 * Writes lines to a file descriptor without blocking the event loop, and what is left when the process ends. Not `process.stderr`: its writes to pipes and files block
 * the event loop, and with it every answer's deadline. Not pino's destination: where the reader is gone it writes at exit until that succeeds, which is never.
 */
import { write, writeSync } from 'node:fs';

const RETRY_MS = 20;
/** How long the end of a process waits for a reader that doesn't read. */
const LAST_TRIES = 50;

export interface LineWriter {
  write(line: string): void;
  /** At the end of the process: what is left, as far as somebody reads it. */
  finish(): void;
}

export function lineWriter(fd: number): LineWriter {
  let waiting: string[] = [];
  let current = Buffer.alloc(0);
  /** The system has `current`. */
  let busy = false;
  let retrying = false;
  let gone = false;

  const next = (): void => {
    if (current.length === 0) {
      if (waiting.length === 0) return;
      current = Buffer.from(waiting.join(''));
      waiting = [];
    }
    busy = true;
    write(fd, current, (error, bytes) => {
      busy = false;
      if (error === null) current = current.subarray(bytes);
      else if (!isFull(error)) lose();
      else {
        retrying = true;
        setTimeout(() => {
          retrying = false;
          next();
        }, RETRY_MS).unref();
        return;
      }
      next();
    });
  };
  /** Nobody will ever read it. */
  const lose = (): void => {
    gone = true;
    waiting = [];
    current = Buffer.alloc(0);
  };

  return {
    write(line) {
      if (gone) return;
      waiting.push(line);
      if (!busy && !retrying) next();
    },
    finish() {
      // What the system has isn't written again: it might come twice.
      let rest = Buffer.concat([busy ? Buffer.alloc(0) : current, Buffer.from(waiting.join(''))]);
      for (let tries = 0; rest.length > 0 && tries < LAST_TRIES; ) {
        try {
          rest = rest.subarray(writeSync(fd, rest));
        } catch (error) {
          if (!isFull(error as NodeJS.ErrnoException)) break;
          tries++;
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
        }
      }
      lose();
    },
  };
}

function isFull({ code }: NodeJS.ErrnoException): boolean {
  return code === 'EAGAIN' || code === 'EBUSY';
}
