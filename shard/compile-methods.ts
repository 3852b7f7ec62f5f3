/** From the service's plan to the methods that a worker serves. */
import { RegatherError } from '../shared/errors/errors.ts';
import { compileMerger } from '../shared/merge/compile.ts';
import { validateRequest } from '../shared/merge/context.ts';
import type { WorkerMetrics } from '../shared/metrics/worker.ts';
import type { CustomReducers } from '../shared/reducers/custom.ts';
import { methodCodecs } from '../shared/schema/codecs.ts';
import type { MethodPlan, ServicePlan } from '../shared/schema/plan.ts';
import { type AnswerCheck, answerCheck } from './answer-check.ts';
import type { WorkerMethod } from './method.ts';
import type { CodecOverride } from './options.ts';
import { TypicalTime } from './pace.ts';

export interface CompileMethodsOptions {
  readonly plan: ServicePlan;
  readonly reducers: CustomReducers;
  readonly metrics: WorkerMetrics;
  readonly codec: Readonly<Record<string, CodecOverride | undefined>>;
}

/** By name: all unary and server-streaming methods of the service. */
export function compileMethods(options: CompileMethodsOptions): Map<string, WorkerMethod> {
  const { plan, metrics, codec } = options;
  const owners = leafOwners(plan);
  const codecs = methodCodecs(plan);
  const methods = new Map<string, WorkerMethod>();
  for (const method of plan.methods) {
    if (method.kind !== 'unary' && method.kind !== 'server-streaming') continue;
    const messages = codecs.get(method.name);
    if (messages === undefined) throw new RegatherError('INTERNAL', `No codec for method ${method.name}`);
    const override = codec[method.name];
    const owner = owners.get(method.name);
    const merger = owner?.merge === undefined ? undefined : compileMerger(owner, options.reducers);
    methods.set(method.name, {
      index: methods.size,
      name: method.name,
      path: method.path,
      plan: method,
      streaming: method.kind === 'server-streaming',
      required: owner !== undefined,
      decode: validatedDecode(method, override?.decodeRequest ?? messages.decodeRequest),
      encode:
        override?.encodeResponse ?? checkedEncode(answerCheck(method.response), messages.encodeResponse),
      merge: merger === undefined || owner === undefined ? undefined : { merger, plan: owner },
      typical: method.kind === 'server-streaming' ? undefined : new TypicalTime(),
      metrics: metrics.method(method.name),
    });
  }
  for (const name in codec) {
    if (methods.has(name)) continue;
    throw new RegatherError('MODULE_INVALID', `Expected codec to name methods of ${plan.name}, got ${name}`, {
      field: `codec.${name}`,
    });
  }
  return methods;
}

/** The methods that roots call on workers, each with the method whose merge it is: itself, or the one that names it as `leaf`. */
function leafOwners(plan: ServicePlan): Map<string, MethodPlan> {
  const owners = new Map<string, MethodPlan>();
  for (const method of plan.methods) {
    if (method.scatter.to === 'NONE') continue;
    // The merge is declared on the fields of the response, so it is the same for all that share a leaf.
    if (owners.get(method.leaf.name)?.merge === undefined) owners.set(method.leaf.name, method);
  }
  return owners;
}

function checkedEncode(
  check: AnswerCheck,
  encode: (value: object) => Uint8Array,
): (value: unknown) => Uint8Array {
  return (value) => {
    const problem = check(value);
    if (problem !== undefined) throw new TypeError(problem);
    // The check has seen that it is an object.
    return encode(value as object);
  };
}

/** protobufjs reads a string that is longer than its message as one that ends there: bytes are checked before it sees them. */
function validatedDecode(
  method: MethodPlan,
  decode: (bytes: Uint8Array) => unknown,
): (bytes: Uint8Array) => unknown {
  return (bytes) => {
    validateRequest(method, bytes);
    return decode(bytes);
  };
}
