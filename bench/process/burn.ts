/** Makes a root slower on purpose, to see that a comparison finds it: so much CPU on top of each request that it takes. */
import { Server } from '@grpc/grpc-js';

/** Before the root makes its server. */
export function burnPerRequest(microseconds: number): void {
  const register = Server.prototype.register as (
    name: string,
    handler: Handler,
    ...rest: unknown[]
  ) => boolean;
  Server.prototype.register = function (this: Server, name: string, handler: Handler, ...rest: unknown[]) {
    const slower: Handler = (...args) => {
      const until = performance.now() + microseconds / 1000;
      while (performance.now() < until);
      handler(...args);
    };
    return register.call(this, name, slower, ...rest);
  } as Server['register'];
}

type Handler = (...args: unknown[]) => void;
