/** The admin port: what operators and orchestrators see of a process and tell it. Its own listener, apart from the service's. */
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import { RegatherError } from '../errors/errors.ts';
import { statusName } from '../errors/status-names.ts';
import type { Lifecycle } from '../lifecycle/lifecycle.ts';
import { formatAddress, listenError, splitAddress } from '../listen/address.ts';
import { logLevels, type ProcessLog } from '../log/logger.ts';
import type { MetricRegistry } from '../metrics/registry.ts';
import { judge } from './guard.ts';
import { adminRoutes } from './routes.ts';

export interface Readiness {
  readonly ok: boolean;
  /** Why not, in words: 'shard 3 has no worker'. */
  readonly reasons: readonly string[];
}

/** What an operator says of a breaker: `auto` takes back what was said before. */
export const breakerWords = ['open', 'close', 'auto'] as const;
export type BreakerWord = (typeof breakerWords)[number];

export interface AdminOptions {
  /** "host:port"; port 0: any that is free. */
  readonly listen: string;
  /** For lifecycle calls. Without it they are taken on loopback only. */
  readonly token?: string | undefined;
  readonly kind: 'root' | 'worker';
  readonly lifecycle: Lifecycle;
  readonly metrics: MetricRegistry;
  readonly log: ProcessLog;
  /** What /statusz shows beside kind, state, pid, version and uptime. */
  readonly status: () => object;
  readonly config: () => object;
  readonly reload?: (() => Promise<void>) | undefined;
  /** An operator's word on a breaker. Throws RegatherError USAGE for a target that isn't there. */
  readonly breaker?: ((target: string, word: BreakerWord) => object) | undefined;
  /** Beside the lifecycle's own state. */
  readonly ready: () => Readiness;
  readonly version?: string | undefined;
}

export interface AdminServer {
  /** As bound: "127.0.0.1:7001". */
  readonly address: string;
  close(): Promise<void>;
}

/** Throws RegatherError PORT_TAKEN if the address can't be bound. */
export async function startAdmin(options: AdminOptions): Promise<AdminServer> {
  const { lifecycle, metrics, log, kind, token } = options;
  const { host, port } = splitAddress(options.listen);
  let wasReady = lifecycle.state === 'ready';
  const forget = lifecycle.onChange((state) => {
    wasReady ||= state === 'ready';
  });
  const startedAt = Date.now();

  const app = fastify({ logger: false, forceCloseConnections: true, bodyLimit: 64 * 1024 });
  app.addContentTypeParser('*', (_request, payload, done) => {
    // Bodies mean nothing here: read and forget, so that `curl -d ''` works.
    payload.resume();
    payload.on('end', () => done(null));
  });

  const readiness = (): Readiness => {
    const reasons = lifecycle.state === 'ready' ? [] : [`the ${kind} is ${lifecycle.state}`];
    const own = options.ready();
    return { ok: reasons.length === 0 && own.ok, reasons: [...new Set([...reasons, ...own.reasons])] };
  };

  const handlers: Record<string, (request: FastifyRequest, reply: FastifyReply) => unknown> = {
    '/livez': () => ({ ok: true }),
    '/readyz': (_request, reply) => {
      const now = readiness();
      reply.code(now.ok ? 200 : 503);
      return now;
    },
    '/startupz': (_request, reply) => {
      reply.code(wasReady ? 200 : 503);
      return { ok: wasReady, state: lifecycle.state };
    },
    '/metrics': async (request, reply) => {
      if (wantsJson(request)) return { metrics: await metrics.json() };
      reply.type(metrics.contentType);
      return metrics.text();
    },
    '/statusz': () => ({
      kind,
      state: lifecycle.state,
      life: lifecycle.life,
      ready: readiness(),
      pid: process.pid,
      version: options.version,
      node: process.versions.node,
      uptimeSeconds: Math.round((Date.now() - startedAt) / 1000),
      memoryBytes: process.memoryUsage.rss(),
      ...options.status(),
    }),
    '/configz': () => options.config(),
    '/logz': (request) => {
      const { limit, level } = logQuery(request.query as Record<string, unknown>);
      const lines = log.ring.recent(log.ring.capacity) as { level?: string }[];
      const rank = (name: string | undefined): number => logLevels.indexOf(name as 'info');
      const kept = lines.filter((line) => rank(line.level) >= rank(level));
      return { level: log.level, dropped: log.ring.dropped, lines: kept.slice(-limit) };
    },
    '/lifecycle/drain': async (_request, reply) => {
      log.info('drain asked for', { by: 'admin' });
      if (lifecycle.state === 'saving' || lifecycle.state === 'stopped')
        return conflict(reply, lifecycle.state);
      // The answer doesn't wait for what runs: /statusz tells when it has ended.
      void lifecycle.drain('admin');
      return { state: lifecycle.state };
    },
    '/lifecycle/undrain': async (_request, reply) => {
      log.info('undrain asked for', { by: 'admin' });
      if (lifecycle.state === 'ready') return { state: lifecycle.state };
      if (!(await lifecycle.undrain())) return conflict(reply, lifecycle.state);
      return { state: lifecycle.state };
    },
    '/breaker': (request, reply) => {
      if (options.breaker === undefined) {
        reply.code(501);
        return { error: `This ${kind} has no breakers` };
      }
      const { target, word } = breakerQuery(request.query as Record<string, unknown>);
      return options.breaker(target, word);
    },
    '/reload': async (_request, reply) => {
      if (options.reload === undefined) {
        reply.code(501);
        return { error: `This ${kind} has nothing to reload` };
      }
      try {
        await options.reload();
      } catch (thrown) {
        const error = RegatherError.from(thrown);
        log.warn('reload refused', { error });
        reply.code(422);
        return { error: error.message, code: error.code };
      }
      log.info('reloaded', { by: 'admin' });
      return { ok: true };
    },
  };

  for (const { method, path, guarded } of adminRoutes) {
    const handler = handlers[path];
    if (handler === undefined) throw new RegatherError('INTERNAL', `Expected a handler for ${path}`);
    app.route({
      method,
      url: path,
      handler: async (request, reply) => {
        reply.header('cache-control', 'no-store');
        if (guarded) {
          const verdict = judge(host, token, request.headers);
          if (!verdict.allowed) {
            reply.code(verdict.status);
            if (verdict.status === 401) reply.header('www-authenticate', 'Bearer');
            return { error: verdict.reason };
          }
        }
        return handler(request, reply);
      },
    });
  }

  app.setNotFoundHandler(async (request, reply) => {
    reply.code(404);
    return {
      error: `No ${request.method} ${request.url.split('?', 1)[0]} here`,
      routes: adminRoutes.map(({ method, path, about }) => ({ method, path, about })),
    };
  });
  app.setErrorHandler(async (thrown, _request, reply) => {
    const error = RegatherError.from(thrown);
    const asked = (thrown as { statusCode?: number }).statusCode;
    const status = asked ?? (error.code === 'USAGE' ? 400 : 500);
    if (status >= 500) log.error('admin request failed', { error });
    reply.code(status);
    // A body that fastify can't read is the caller's mistake, whatever was thrown.
    const isTheirs = status < 500 && error.code === 'INTERNAL';
    return { error: error.message, code: isTheirs ? 'INVALID_ARGUMENT' : statusName(error.grpc) };
  });

  try {
    await app.listen({ host, port });
  } catch (error) {
    forget();
    await app.close();
    throw listenError(`${kind}.admin`, options.listen, error);
  }
  const bound = app.server.address();
  const actual = typeof bound === 'object' && bound !== null ? bound.port : port;
  if (token === undefined && !judge(host, undefined, {}).allowed) {
    log.warn('lifecycle calls are off: the admin port is not on loopback and admin.token is not set', {
      admin: options.listen,
    });
  }
  return {
    address: formatAddress(host, actual),
    async close() {
      forget();
      await app.close();
    },
  };
}

function wantsJson(request: FastifyRequest): boolean {
  return (request.headers.accept ?? '').includes('application/json');
}

function conflict(reply: FastifyReply, state: string): object {
  reply.code(409);
  return { error: `Not possible while ${state}`, state };
}

function breakerQuery(query: Record<string, unknown>): { target: string; word: BreakerWord } {
  const { target, set } = query;
  const word = breakerWords.find((one) => one === set);
  if (word === undefined) {
    throw new RegatherError(
      'USAGE',
      `Expected set to be one of ${breakerWords.join(', ')}, got ${JSON.stringify(set)}`,
    );
  }
  if (typeof target !== 'string' || target === '') {
    throw new RegatherError(
      'USAGE',
      `Expected target to be a worker, or worker/shard, got ${JSON.stringify(target)}`,
    );
  }
  return { target, word };
}

function logQuery(query: Record<string, unknown>): { limit: number; level: string } {
  const { limit = '1000', level = 'debug' } = query;
  const count = Number(limit);
  if (!Number.isInteger(count) || count < 1) {
    throw new RegatherError(
      'USAGE',
      `Expected limit to be a whole number from 1, got ${JSON.stringify(limit)}`,
    );
  }
  const levels: readonly unknown[] = logLevels;
  if (!levels.includes(level)) {
    throw new RegatherError(
      'USAGE',
      `Expected level to be one of ${logLevels.join(', ')}, got ${JSON.stringify(level)}`,
    );
  }
  return { limit: count, level: String(level) };
}
