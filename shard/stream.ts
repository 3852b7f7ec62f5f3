/** Server-streaming: takes items from a handler's iterator and hands them on in batches, no faster than they are wanted. */

import { type Status, statusOf } from './status.ts';
import { isThenable, type Task, tooLarge, wrongAnswer } from './task.ts';

/** A batch is sent when it reaches this, or when the event loop's turn ends. Half a chunk of the link. */
const batchBytes = 16 * 1024;
/** A handler that never waits gets this much of the event loop at a time, or no Cancel would ever be read. */
const turnMs = 5;

type AnyIterator = Iterator<unknown> | AsyncIterator<unknown>;

class Batch {
  readonly #task: Task;
  #items: Uint8Array[] = [];
  #lengths: number[] = [];
  #bytes = 0;
  #scheduled = false;
  /** What to wait for before the next item is asked for. */
  gate: Promise<void> | undefined = undefined;

  constructor(task: Task) {
    this.#task = task;
  }

  add(item: Uint8Array): void {
    // Together they mustn't be larger than one may be.
    if (this.#bytes + item.length > this.#task.owner.maxPartBytes) this.flush();
    this.#items.push(item);
    this.#lengths.push(item.length);
    this.#bytes += item.length;
    if (this.#bytes >= batchBytes) this.flush();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(this.#endOfTurn);
    }
  }

  flush(): void {
    const items = this.#items;
    const lengths = this.#lengths;
    if (items.length === 0 || this.#task.isOver) return;
    const data = items.length === 1 ? items[0]! : Buffer.concat(items, this.#bytes);
    this.#items = [];
    this.#lengths = [];
    this.#bytes = 0;
    const gate = this.#task.owner.items(this.#task, data, lengths);
    if (gate !== undefined) this.gate = gate;
  }

  readonly #endOfTurn = (): void => {
    this.#scheduled = false;
    try {
      this.flush();
    } catch (error) {
      this.#task.fail(statusOf(error));
    }
  };
}

/** Never rejects. Ends the task in every case but that it was given up meanwhile. */
export async function forwardItems(task: Task, result: unknown): Promise<void> {
  const batch = new Batch(task);
  try {
    const iterator = iteratorOf(task, isThenable(result) ? await result : result);
    const failure = await forward(task, iterator, batch);
    // What came before a failure is as good as if it hadn't failed.
    batch.flush();
    if (failure === undefined) task.answer(nothing);
    else task.fail(failure);
  } catch (error) {
    try {
      batch.flush();
    } catch {
      // It can't be sent; the error at hand came first.
    }
    task.fail(error instanceof WrongAnswer ? error.status : statusOf(error));
  }
}

function iteratorOf(task: Task, result: unknown): AnyIterator {
  const iterable = result as Partial<AsyncIterable<unknown> & Iterable<unknown>> | null | undefined;
  const iterator = iterable?.[Symbol.asyncIterator]?.() ?? iterable?.[Symbol.iterator]?.();
  if (typeof result === 'object' && iterator !== undefined) return iterator;
  const expected = `an iterable or async iterable of ${task.method.plan.response.name}`;
  throw new WrongAnswer(wrongAnswer(task, `${describe(result)}, expected ${expected}`));
}

/** Resolves when the iterator is done, when the task was given up, or to why it can't go on. */
async function forward(task: Task, iterator: AnyIterator, batch: Batch): Promise<Status | undefined> {
  const { clock } = task.owner.host;
  let turnStart = clock.now();
  task.endItems = () => endEarly(iterator);
  // Given up while its iterator was being made.
  if (task.isOver) endEarly(iterator);
  for (;;) {
    const { gate } = batch;
    if (gate !== undefined) {
      batch.gate = undefined;
      await task.rest(gate);
      turnStart = clock.now();
    } else if (clock.now() - turnStart > turnMs) {
      await new Promise((resolve) => setImmediate(resolve));
      turnStart = clock.now();
    }
    if (task.isOver) return undefined;
    const pending = iterator.next();
    const step = isThenable(pending) ? ((await pending) as IteratorResult<unknown>) : pending;
    if (task.isOver || step.done === true) return undefined;
    const failure = take(task, step.value, batch);
    if (failure === undefined) continue;
    // As `for await` does: an iterator that is left before its end is told so, one that has ended or thrown isn't.
    endEarly(iterator);
    return failure;
  }
}

/** Encodes an item and puts it into the batch. */
function take(task: Task, value: unknown, batch: Batch): Status | undefined {
  let item: Uint8Array;
  try {
    item = value instanceof Uint8Array ? value : task.method.encode(value);
  } catch (error) {
    return wrongAnswer(task, error);
  }
  if (item.length > task.owner.maxPartBytes) return tooLarge(task, item.length, 'item');
  try {
    batch.add(item);
  } catch (error) {
    return statusOf(error);
  }
  return undefined;
}

/** Thrown where there is no iterator to take items from. */
class WrongAnswer extends Error {
  readonly status: Status;
  constructor(status: Status) {
    super(status.message);
    this.status = status;
  }
}

const nothing = new Uint8Array(0);

/** Lets a generator run its `finally`. What it throws there concerns nobody any more. */
function endEarly(iterator: AnyIterator): void {
  try {
    const ended = iterator.return?.();
    if (isThenable(ended)) ended.then(undefined, () => {});
  } catch {
    // As above.
  }
}

function describe(value: unknown): string {
  if (value === null) return 'null';
  return typeof value === 'object'
    ? `a ${value.constructor?.name ?? 'object'}`
    : `a value of type ${typeof value}`;
}
