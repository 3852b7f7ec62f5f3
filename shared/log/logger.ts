/**
 * Structured logs: one JSON line each on stderr, and the last ones in memory for /logz. pino stays behind this interface.
 */
import { pino } from 'pino';
import { LogRing } from './ring.ts';
import { type LineWriter, lineWriter } from './stderr-writer.ts';

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** What a line carries beside its message. `error` may be anything thrown: it is written with message, code and stack. */
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** The same log, with these fields in every line. */
  child(fields: LogFields): Logger;
}

/** The log of a process: a logger whose recent lines can be read back. */
export interface ProcessLog extends Logger {
  readonly level: LogLevel;
  readonly ring: LogRing;
}

export interface LoggerOptions {
  /** Default `info`. Lines below it are neither written nor kept. */
  readonly level?: LogLevel;
  /** How many lines are kept. Default 1000: about 200 kB, and at the usual rate the last minutes. */
  readonly ring?: number;
  /** In every line, for instance `{ kind: 'root', id: 'root-1' }`. */
  readonly fields?: LogFields;
  /** Where lines go, each with its newline. Default: stderr, written without blocking and flushed at exit. */
  readonly write?: (line: string) => void;
}

interface PinoSink {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  child(fields: LogFields): PinoSink;
}

const nothing: LogFields = Object.freeze({});

class PinoLogger implements Logger {
  readonly #pino: PinoSink;
  constructor(sink: PinoSink) {
    this.#pino = sink;
  }
  debug(message: string, fields: LogFields = nothing): void {
    this.#pino.debug(fields, message);
  }
  info(message: string, fields: LogFields = nothing): void {
    this.#pino.info(fields, message);
  }
  warn(message: string, fields: LogFields = nothing): void {
    this.#pino.warn(fields, message);
  }
  error(message: string, fields: LogFields = nothing): void {
    this.#pino.error(fields, message);
  }
  child(fields: LogFields): Logger {
    return new PinoLogger(this.#pino.child(fields));
  }
}

class PinoProcessLog extends PinoLogger implements ProcessLog {
  readonly level: LogLevel;
  readonly ring: LogRing;
  constructor(sink: PinoSink, level: LogLevel, ring: LogRing) {
    super(sink);
    this.level = level;
    this.ring = ring;
  }
}

export function createLogger(options: LoggerOptions = {}): ProcessLog {
  const level = options.level ?? 'info';
  const ring = new LogRing(options.ring ?? 1000);
  const write = options.write ?? stderrWriter();
  const sink = pino(
    {
      level,
      base: options.fields ?? {},
      messageKey: 'message',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: describeError },
    },
    {
      write(line: string): void {
        ring.push(line);
        write(line);
      },
    },
  );
  return new PinoProcessLog(sink, level, ring);
}

/** For code that wants a logger where nobody gave one. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};

let writer: LineWriter | undefined;

/** One for all loggers of the process. */
function stderrWriter(): (line: string) => void {
  if (writer === undefined) {
    const mine = lineWriter(2);
    process.on('exit', () => mine.finish());
    writer = mine;
  }
  return writer.write;
}

function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { message: String(error) };
  const { code, details } = error as { code?: unknown; details?: unknown };
  return { name: error.name, message: error.message, code, details, stack: error.stack };
}
