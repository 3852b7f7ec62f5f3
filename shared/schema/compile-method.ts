import { readScatter, type ScatterOptions, scatterTargets } from './annotations.ts';
import { compileMerge, coverageMessage } from './compile-merge.ts';
import { coverageRules } from './coverage-rules.ts';
import type { MethodDesc, ServiceDesc } from './descriptor/messages.ts';
import { optionNumber, varintOption } from './descriptor/standard-options.ts';
import { within } from './descriptor/symbols.ts';
import type { Descriptors } from './descriptors.ts';
import type { CustomNames } from './merge-scope.ts';
import { describe, isInteger, lastField, resolvePath } from './paths.ts';
import type {
  FieldMerge,
  FieldShape,
  KeySpec,
  MessageMerge,
  MessageShape,
  MethodPlan,
  OrderSpec,
  Place,
  ScatterSpec,
  WindowSpec,
} from './plan.ts';
import type { Problems } from './problems.ts';
import { Shapes } from './shapes.ts';
import { didYouMean } from './suggest.ts';

/** Compiles a service's methods; what breaks a rule goes to `problems`. */
export class MethodCompiler {
  readonly #descriptors: Descriptors;
  readonly #shapes: Shapes;
  readonly #name: string;
  readonly #service: ServiceDesc;
  readonly #annotated: boolean;
  readonly #problems: Problems;
  readonly #custom: CustomNames;

  constructor(
    descriptors: Descriptors,
    name: string,
    service: ServiceDesc,
    annotated: boolean,
    problems: Problems,
    custom: CustomNames,
  ) {
    this.#descriptors = descriptors;
    this.#shapes = new Shapes(descriptors);
    this.#name = name;
    this.#service = service;
    this.#annotated = annotated;
    this.#problems = problems;
    this.#custom = custom;
  }

  methods(): MethodPlan[] {
    const plans: MethodPlan[] = [];
    if (this.#service.method.length === 0) {
      this.#problems.add(
        'PLAN_INVALID',
        this.#descriptors.place(this.#name),
        this.#name,
        `${this.#name}: has no methods.`,
      );
    }
    for (const method of this.#service.method) {
      const plan = this.#method(method);
      if (plan !== undefined) plans.push(plan);
    }
    return plans;
  }

  #place(method: MethodDesc): Place {
    return this.#descriptors.place(within(this.#name, method.name));
  }

  #fail(method: MethodDesc, message: string): undefined {
    const name = within(this.#name, method.name);
    this.#problems.add('PLAN_INVALID', this.#place(method), name, `${name}: ${message}`);
    return undefined;
  }

  #method(method: MethodDesc): MethodPlan | undefined {
    const kind = methodKind(method);
    const options = this.#scatterOptions(method);
    if (options === undefined) return undefined;
    const to = scatterTargets[options.to];
    if (to === undefined || to === 'TO_UNSPECIFIED') {
      const given = to === undefined ? `is ${options.to}` : 'is not set';
      return this.#fail(method, `its scatter's "to" ${given}: expected ALL, KEY, SPLIT, ANY or NONE.`);
    }
    if (to !== 'NONE' && (kind === 'client-streaming' || kind === 'bidi')) {
      return this.#fail(method, `is ${kind} and can't be scattered to ${to}: write { to: NONE }.`);
    }
    const request = this.#shapes.message(method.inputType);
    const response = this.#shapes.message(method.outputType);
    const scatter = this.#scatter(method, to, options, request);
    const limits = {
      ...this.#limits(method, options),
      ...coverageRules(to, kind, options, (message) => this.#fail(method, message)),
    };
    const leaf = this.#leaf(method, to, options, response);
    const coverageField = kind === 'unary' ? this.#coverageField(response) : undefined;
    const windows: WindowSpec[] = [];
    const orders: OrderSpec[] = [];
    let merge: MessageMerge | undefined;
    if ((to === 'ALL' || to === 'SPLIT') && kind === 'unary') {
      merge = compileMerge(
        {
          shapes: this.#shapes,
          problems: this.#problems,
          custom: this.#custom,
          method: method.name,
          request,
          key: scatter !== undefined && 'key' in scatter ? scatter.key : undefined,
          windows,
          orders,
        },
        leaf.response,
      );
      if (leaf.name !== method.name) merge = markInternal(merge, response);
    }
    const level = varintOption(method.options, optionNumber.idempotencyLevel);
    return {
      name: method.name,
      path: `/${this.#name}/${method.name}`,
      kind,
      scatter: scatter ?? { to: 'NONE' },
      idempotent: level === 1 || level === 2,
      ...limits,
      request,
      response,
      leaf,
      ...(merge === undefined ? {} : { merge }),
      ...(coverageField === undefined ? {} : { coverageField }),
      windows,
      orders,
      place: this.#place(method),
    };
  }

  #scatterOptions(method: MethodDesc): ScatterOptions | undefined {
    const read = this.#annotated ? readScatter(method.options) : undefined;
    if (read === undefined) {
      const hint = this.#annotated ? '' : ' (and import "regather/v1/annotations.proto")';
      return this.#fail(
        method,
        `has no scatter. Write option (regather.v1.scatter) = { to: ALL }${hint}, or { to: NONE } for a method that isn't served.`,
      );
    }
    if (read.unknown === undefined) return read.value;
    return this.#fail(
      method,
      `its scatter has a field ${read.unknown} that this version of Regather does not know.`,
    );
  }

  #scatter(
    method: MethodDesc,
    to: Exclude<(typeof scatterTargets)[number], 'TO_UNSPECIFIED'>,
    options: ScatterOptions,
    request: MessageShape,
  ): ScatterSpec | undefined {
    if (to !== 'KEY' && to !== 'SPLIT') {
      if (options.key !== '')
        this.#fail(method, `has a key ("${options.key}"), which is for KEY and SPLIT, not ${to}.`);
      return { to };
    }
    const key = this.#key(method, to, options.key, request);
    return key === undefined ? undefined : { to, key };
  }

  #key(method: MethodDesc, to: 'KEY' | 'SPLIT', text: string, request: MessageShape): KeySpec | undefined {
    if (text === '') return this.#fail(method, `${to} needs "key", a field of ${request.name}.`);
    const path = resolvePath(text, request);
    if (typeof path === 'string') return this.#fail(method, `its "key" ${path}`);
    const last = lastField(path);
    const bytes = last.type === 'string' || last.type === 'bytes';
    if (!bytes && !isInteger(last)) {
      return this.#fail(
        method,
        `its "key" names "${text}", which is ${describe(last)}: expected strings, bytes or integers.`,
      );
    }
    if (to === 'KEY' && last.repeated) {
      return this.#fail(
        method,
        `its "key" names "${text}", which is ${describe(last)}: KEY needs a singular field. For a list use SPLIT.`,
      );
    }
    if (to === 'SPLIT' && !last.repeated) {
      return this.#fail(
        method,
        `its "key" names "${text}", which is ${describe(last)}: SPLIT needs a repeated field. For one key use KEY.`,
      );
    }
    return { path, hashAs: bytes ? 'bytes' : 'int64' };
  }

  #limits(
    method: MethodDesc,
    options: ScatterOptions,
  ): Pick<MethodPlan, 'timeoutMs' | 'maxTimeoutMs' | 'maxAnswerBytes'> {
    const { timeoutMs, maxTimeoutMs, maxAnswerBytes } = options;
    const timeout = timeoutMs || 1000;
    if (maxTimeoutMs !== 0 && timeout > maxTimeoutMs) {
      const which = timeoutMs === 0 ? 'timeout_ms 1000 (the default)' : `timeout_ms ${timeoutMs}`;
      this.#fail(method, `has ${which} above its max_timeout_ms ${maxTimeoutMs}.`);
    }
    return {
      timeoutMs: timeout,
      maxAnswerBytes: maxAnswerBytes || 4_194_304,
      ...(maxTimeoutMs === 0 ? {} : { maxTimeoutMs }),
    };
  }

  #leaf(method: MethodDesc, to: string, options: ScatterOptions, response: MessageShape): MethodPlan['leaf'] {
    const own = { name: method.name, path: `/${this.#name}/${method.name}`, response };
    if (options.leaf === '') return own;
    const fail = (message: string): MethodPlan['leaf'] => {
      this.#fail(method, message);
      return own;
    };
    if (to !== 'ALL' && to !== 'SPLIT')
      return fail(`has a leaf ("${options.leaf}"), which is for ALL and SPLIT, not ${to}.`);
    const leaf = this.#service.method.find(({ name }) => name === options.leaf);
    if (leaf === undefined) {
      const names = this.#service.method.map(({ name }) => name);
      return fail(
        `its leaf "${options.leaf}" is no method of ${this.#name}.${didYouMean(options.leaf, names)}`,
      );
    }
    if (leaf === method) return fail('names itself as its leaf: leave "leaf" out.');
    if (methodKind(leaf) !== methodKind(method)) {
      return fail(`is ${methodKind(method)}, but its leaf "${leaf.name}" is ${methodKind(leaf)}.`);
    }
    if (leaf.inputType !== method.inputType) {
      return fail(
        `takes ${method.inputType.slice(1)}, but its leaf "${leaf.name}" takes ${leaf.inputType.slice(1)}.`,
      );
    }
    if (this.#annotated && (readScatter(leaf.options)?.value.leaf ?? '') !== '') {
      return fail(`its leaf "${leaf.name}" has a leaf itself.`);
    }
    const partial = this.#shapes.message(leaf.outputType);
    if (methodKind(method) !== 'unary' && partial.name !== response.name) {
      return fail(
        `streams ${response.name}, but its leaf "${leaf.name}" streams ${partial.name}: items are forwarded as they are.`,
      );
    }
    for (const field of response.fields) {
      if (field.typeName === coverageMessage) continue;
      const other = partial.fields.find(({ number }) => number === field.number);
      const name = `${response.name}.${field.name}`;
      if (other === undefined)
        this.#fail(
          method,
          `its leaf's response ${partial.name} has no field ${field.number}, as ${name} is.`,
        );
      else if (!sameType(field, other)) {
        this.#fail(
          method,
          `its leaf's response has ${partial.name}.${other.name} (${describe(other)}) where ${name} is ${describe(field)}.`,
        );
      }
    }
    return { name: leaf.name, path: `/${this.#name}/${leaf.name}`, response: partial };
  }

  #coverageField(response: MessageShape): FieldShape | undefined {
    const fields = response.fields.filter((field) => field.typeName === coverageMessage && !field.repeated);
    const [first, second] = fields;
    if (first !== undefined && second !== undefined) {
      const name = `${response.name}.${second.name}`;
      const message = `${name}: is a second ${coverageMessage}; "${first.name}" is one already.`;
      this.#problems.add('PLAN_INVALID', second.place, name, message);
    }
    return first;
  }
}

function methodKind(method: MethodDesc): MethodPlan['kind'] {
  if (method.clientStreaming === true) return method.serverStreaming === true ? 'bidi' : 'client-streaming';
  return method.serverStreaming === true ? 'server-streaming' : 'unary';
}

/** The same bytes mean the same in both. */
function sameType(a: FieldShape, b: FieldShape): boolean {
  return a.type === b.type && a.repeated === b.repeated && a.isMap === b.isMap && a.typeName === b.typeName;
}

/** Fields of a leaf's response that the method's own response lacks are merged for their siblings only. */
function markInternal(merge: MessageMerge, response: MessageShape): MessageMerge {
  const numbers = new Set(response.fields.map(({ number }) => number));
  const fields = merge.fields.map(
    (field): FieldMerge => ({ ...field, internal: !numbers.has(field.field.number) }),
  );
  return { ...merge, fields };
}
