/** What `up` shows: a table that is drawn over itself on a terminal, lines of JSON elsewhere. */
import { printJson, table } from '../output.ts';
import type { Child } from './child.ts';
import type { Cluster } from './cluster.ts';

export interface Screen {
  changed(cluster: Cluster, child: Child): void;
  log(child: Child, line: string): void;
  /** Every shard has a worker. */
  ready(cluster: Cluster, howToCall: readonly string[]): void;
  /** A sentence on what happens. */
  say(text: string): void;
}

export function jsonScreen(): Screen {
  return {
    changed(cluster, child) {
      const { name, state, bound, pid, restarts, failure } = child;
      const shards = cluster.workers.find((worker) => worker.child === child)?.shards;
      printJson({
        event: 'state',
        process: name,
        state,
        ...bound,
        pid,
        shards,
        restarts,
        failure: failure?.message,
      });
    },
    log(_child, line) {
      process.stderr.write(`${line}\n`);
    },
    ready(cluster, howToCall) {
      const workers = cluster.workers.map(({ child, shards }) => ({
        id: child.name,
        ...child.bound,
        pid: child.pid,
        shards,
      }));
      printJson({
        event: 'ready',
        ...cluster.root.bound,
        pid: process.pid,
        root: cluster.root.pid,
        workers,
        call: howToCall,
      });
    },
    say(text) {
      printJson({ event: 'message', message: text });
    },
  };
}

/** `columns` is asked before each drawing: a line that wraps would make two, and the next drawing miss one. */
export function terminalScreen(write: (text: string) => void, columns: () => number): Screen {
  let drawn = 0;
  let last = '';
  const erase = (): void => {
    if (drawn > 0) write(`\u001b[${drawn}A\u001b[J`);
    drawn = 0;
  };
  const draw = (text: string): void => {
    erase();
    const width = columns();
    const lines = text.split('\n').map((line) => line.slice(0, width));
    write(`${lines.join('\n')}\n`);
    drawn = lines.length;
    last = text;
  };
  /** Stays above the table. */
  const above = (text: string): void => {
    erase();
    write(`${text}\n`);
    if (last !== '') draw(last);
  };
  return {
    changed(cluster) {
      draw(stateTable(cluster));
    },
    log(child, line) {
      above(logText(child.name, line));
    },
    ready(_cluster, howToCall) {
      const table = last;
      last = '';
      erase();
      write(`${howToCall.join('\n')}\n\n`);
      draw(table);
    },
    say: above,
  };
}

function stateTable(cluster: Cluster): string {
  const rows = cluster.children.map((child) => {
    const shards = cluster.workers.find((worker) => worker.child === child)?.shards;
    const state =
      child.failure === undefined || child.state === 'ready'
        ? child.state
        : `${child.state}: ${child.failure.message}`;
    return [
      child.name,
      child.bound?.address ?? '',
      child.bound === undefined ? '' : `http://${child.bound.admin}`,
      child.pid === undefined ? '' : String(child.pid),
      child.restarts === 0 ? '' : String(child.restarts),
      shards?.join(' ') ?? '',
      // One line each, or drawing over them would miss.
      (state.split('\n', 1)[0] ?? '').slice(0, 60),
    ];
  });
  return table(['', 'address', 'admin', 'pid', 'restarts', 'shards', 'state'], rows);
}

/** A log line for a person: what pino wrote, without the braces. */
function logText(name: string, line: string): string {
  try {
    const { level, message, time, kind, id, error, ...rest } = JSON.parse(line) as Record<string, unknown>;
    void time;
    void kind;
    void id;
    const why = (error as { message?: string } | undefined)?.message;
    const fields = Object.entries(rest).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
    return [name, String(level), String(message), ...(why === undefined ? [] : [why]), ...fields].join(' ');
  } catch {
    return `${name} ${line}`;
  }
}
