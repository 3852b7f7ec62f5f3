/** A server process that answers at once, and stands still now and then: its event loop is blocked. It tells when it really did. */
import { type MethodDefinition, Server, ServerCredentials, type sendUnaryData } from '@grpc/grpc-js';
import { bind } from '../../bench/echo/bind.ts';
import { raw, serverOptions } from '../../bench/echo/channel.ts';
import { hrtimeMs } from '../../bench/load/generate/monotonic.ts';
import { serveParent } from '../../bench/process/child.ts';

/** On the axis of hrtimeMs, which all processes share. */
export interface Stall {
  readonly fromMs: number;
  readonly toMs: number;
}

export const stallPath = '/test.Stalling/Call';

const method: MethodDefinition<Buffer, Buffer> = {
  path: stallPath,
  requestStream: false,
  responseStream: false,
  requestSerialize: raw,
  requestDeserialize: raw,
  responseSerialize: raw,
  responseDeserialize: raw,
};

const stalls: Stall[] = [];
const answer = Buffer.from('answer');

function stall(forMs: number): void {
  const fromMs = hrtimeMs();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, forMs);
  // It is over when the loop turns again, which a busy machine may put off.
  setImmediate(() => stalls.push({ fromMs, toMs: hrtimeMs() }));
}

serveParent({
  start: async ({ everyMs, forMs }: { everyMs: number; forMs: number }) => {
    const server = new Server(serverOptions);
    const call = (_call: unknown, callback: sendUnaryData<Buffer>): void => callback(null, answer);
    server.addService({ Call: method }, { Call: call });
    const address = await bind(server, ServerCredentials.createInsecure());
    setInterval(() => stall(forMs), everyMs);
    return address;
  },
  stalls: () => stalls,
});
