/** One shard's flights in memory, and the connections that ask it. */
import { availableParallelism } from 'node:os';
import {
  type DuckDBConnection,
  type DuckDBDataChunk,
  DuckDBInstance,
  type DuckDBPreparedStatement,
} from '@duckdb/node-api';
import pLimit from 'p-limit';
import { type StatementName, statements } from './statements.ts';

export type Bind = (statement: DuckDBPreparedStatement) => void;

/**
 * How often a query is interrupted after its call was cancelled, until it ends: DuckDB forgets an interrupt that comes before
 * the query has begun, and it begins on another thread.
 */
const interruptMs = 10;

/**
 * What DuckDB computes at once, over all shards of the process: more than there are cores would only keep the thread waiting that
 * answers roots.
 */
const computing = pLimit(availableParallelism());

/**
 * Loaded rather than read from its Parquet for every query: 31 MB and 50 ms for 375,000 flights, and queries are
 * 1.3 to 3.4 times as fast. One thread, because a worker has many shards and a machine many workers: cores are shared by queries, not within one.
 */
export class ShardDatabase {
  readonly #instance: DuckDBInstance;
  readonly #idle: Session[] = [];
  readonly #busy = new Set<Session>();
  /** Closing the instance while it makes a connection would crash the process. */
  readonly #connecting = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  private constructor(instance: DuckDBInstance) {
    this.#instance = instance;
  }

  static async open(file: string): Promise<ShardDatabase> {
    const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
    const connection = await instance.connect();
    try {
      await connection.run('CREATE TABLE flights AS SELECT * FROM read_parquet($file)', { file });
    } catch (error) {
      connection.closeSync();
      instance.closeSync();
      throw error;
    }
    connection.closeSync();
    return new ShardDatabase(instance);
  }

  /** Rows of a statement; rejects with the signal's reason once it aborts, and DuckDB has stopped. */
  async rows(name: StatementName, bind: Bind, signal: AbortSignal): Promise<DuckDBRow[]> {
    const session = await this.#take(signal);
    try {
      const result = await session.guard(signal, async () =>
        (await session.bound(name, bind)).runAndReadAll(),
      );
      return result.getRows() as DuckDBRow[];
    } finally {
      this.#give(session);
    }
  }

  /** Chunks of a statement as they are asked for: DuckDB computes a little ahead and then waits. */
  async *chunks(name: StatementName, bind: Bind, signal: AbortSignal): AsyncGenerator<DuckDBDataChunk> {
    const session = await this.#take(signal);
    let finished = false;
    try {
      const result = await session.guard(signal, async () => (await session.bound(name, bind)).stream());
      for (;;) {
        const chunk = await session.guard(signal, () => result.fetchChunk());
        if (!chunk || chunk.rowCount === 0) break;
        yield chunk;
      }
      finished = true;
    } finally {
      // A result that was left in the middle holds its connection; another one is cheaper than working it off.
      if (!finished) session.spent = true;
      this.#give(session);
    }
  }

  /** Interrupts what runs, waits for it to stop, and frees the memory. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.allSettled(this.#connecting);
    const running: Promise<void>[] = [];
    for (const session of this.#busy) running.push(session.stop());
    await Promise.all(running);
    for (const session of this.#idle) session.close();
    this.#instance.closeSync();
  }

  /** As many connections as queries run at once: the worker's execution slots bound them. */
  async #take(signal: AbortSignal): Promise<Session> {
    signal.throwIfAborted();
    this.#throwIfClosed();
    const session = this.#idle.pop() ?? (await this.#connect());
    if (this.#closing) session.close();
    this.#throwIfClosed();
    this.#busy.add(session);
    return session;
  }

  async #connect(): Promise<Session> {
    const connecting = this.#instance.connect();
    this.#connecting.add(connecting);
    try {
      return new Session(await connecting);
    } finally {
      this.#connecting.delete(connecting);
    }
  }

  #throwIfClosed(): void {
    if (this.#closing) throw closedError();
  }

  #give(session: Session): void {
    this.#busy.delete(session);
    if (session.spent || this.#closing) session.close();
    else this.#idle.push(session);
  }
}

function closedError(): Error {
  return new Error('The shard is closed');
}

export type DuckDBRow = (string | number | bigint | null)[];

/** A connection, which runs one query at a time, and what it has prepared. */
class Session {
  /** Not to be used again. */
  spent = false;
  readonly #connection: DuckDBConnection;
  readonly #prepared = new Map<StatementName, DuckDBPreparedStatement>();
  /** Settles when the query does that runs now; undefined between two, and between two chunks of one. */
  #running: Promise<unknown> | undefined;
  #interrupting: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(connection: DuckDBConnection) {
    this.#connection = connection;
  }

  async bound(name: StatementName, bind: Bind): Promise<DuckDBPreparedStatement> {
    let statement = this.#prepared.get(name);
    if (!statement) {
      statement = await this.#connection.prepare(statements[name]);
      this.#prepared.set(name, statement);
    }
    bind(statement);
    return statement;
  }

  /** Runs `query` and interrupts it when the signal aborts; settles when DuckDB has. */
  async guard<T>(signal: AbortSignal, query: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    if (this.#closed) throw closedError();
    const interrupt = () => this.#interrupt();
    signal.addEventListener('abort', interrupt, { once: true });
    try {
      this.#running = computing(() => {
        signal.throwIfAborted();
        if (this.spent) throw closedError();
        return query();
      });
      return (await this.#running) as T;
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      this.#running = undefined;
      clearInterval(this.#interrupting);
      this.#interrupting = undefined;
      signal.removeEventListener('abort', interrupt);
    }
  }

  /** Ends what runs, waits for that, and closes. */
  async stop(): Promise<void> {
    this.spent = true;
    if (this.#running) {
      this.#interrupt();
      await this.#running.catch(() => {});
    }
    this.close();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const statement of this.#prepared.values()) statement.destroySync();
    this.#connection.closeSync();
  }

  #interrupt(): void {
    this.#connection.interrupt();
    this.#interrupting ??= setInterval(() => this.#connection.interrupt(), interruptMs);
  }
}
