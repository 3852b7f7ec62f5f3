import { RegatherError } from '../errors/errors.ts';
import { MethodCompiler } from './compile-method.ts';
import { WireError } from './descriptor/codec.ts';
import type { FileDesc, ServiceDesc } from './descriptor/messages.ts';
import { within } from './descriptor/symbols.ts';
import type { Descriptors } from './descriptors.ts';
import type { MethodPlan, ServicePlan } from './plan.ts';
import { Problems } from './problems.ts';
import { didYouMean } from './suggest.ts';

export interface PlanOptions {
  /** Names of the registered custom reducers: a merge that names another is REDUCER_UNKNOWN. Default: names aren't checked. */
  readonly customNames?: ReadonlySet<string>;
  /** Those of them that declare their result free of grouping and order. Default: none, which is always right, only slower. */
  readonly customFree?: ReadonlySet<string>;
}

/**
 * The checked plan of a service; `serviceName` is its full name, undefined the only one there is. Throws SERVICE_UNKNOWN, or one
 * error with a line for everything that breaks a rule (PLAN_INVALID, REDUCER_UNKNOWN), each naming file, line, message and field.
 */
export function compilePlan(
  descriptors: Descriptors,
  serviceName: string | undefined,
  options: PlanOptions = {},
): ServicePlan {
  const { name, service, annotated } = findService(descriptors, serviceName);
  const problems = new Problems();
  const compiler = new MethodCompiler(descriptors, name, service, annotated, problems, {
    known: options.customNames,
    free: options.customFree ?? new Set(),
  });
  let methods: MethodPlan[];
  try {
    methods = compiler.methods();
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    // Annotations that our own compiler wrote decode; those of a descriptor set may be anything.
    throw new RegatherError('PROTO_INVALID', `An annotation of ${name} does not decode: ${error.message}.`, {
      ...descriptors.place(name),
      field: name,
      cause: error,
    });
  }
  problems.throwIfAny();
  return { name, methods, descriptorSet: descriptors.bytes };
}

interface Found {
  readonly name: string;
  readonly service: ServiceDesc;
  /** The set has regather/v1/annotations.proto, so that field 57077 of options is ours. */
  readonly annotated: boolean;
}

function findService(descriptors: Descriptors, wanted: string | undefined): Found {
  const all: { name: string; service: ServiceDesc; file: FileDesc }[] = [];
  for (const file of descriptors.files) {
    for (const service of file.service)
      all.push({ name: within(file.package ?? '', service.name), service, file });
  }
  const annotated = descriptors.files.some(
    (file) => file.package === 'regather.v1' && file.extension.some((field) => field.name === 'merge'),
  );
  const place = descriptors.place('');
  // Imported files may define services of their own; they are served only when asked for by name.
  const own = all.filter(({ file }) => descriptors.main.includes(file.name));
  const listed = (own.length > 0 ? own : all).filter(({ name }) => !/^(google|grpc|regather)\./.test(name));
  const names = listed.map(({ name }) => name);
  if (wanted !== undefined) {
    const found = all.find(({ name }) => name === wanted);
    if (found !== undefined) return { ...found, annotated };
    const short = names.find((name) => name.endsWith(`.${wanted}`));
    const hint = short === undefined ? didYouMean(wanted, names) : ` Did you mean "${short}"?`;
    const there = names.length === 0 ? 'It defines no service.' : `It defines ${names.join(', ')}.`;
    throw new RegatherError('SERVICE_UNKNOWN', `There is no service "${wanted}".${hint || ` ${there}`}`, {
      ...place,
      field: wanted,
    });
  }
  const [only] = listed;
  if (only !== undefined && listed.length === 1) return { ...only, annotated };
  const message =
    only === undefined
      ? 'It defines no service.'
      : `It defines several services, so one must be named: ${names.join(', ')}.`;
  throw new RegatherError('SERVICE_UNKNOWN', message, place);
}
