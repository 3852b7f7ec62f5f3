import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Client,
  credentials,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type ServiceError,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { type HealthService, healthService } from '../../shared/health/health.ts';
import { DescriptorIndex } from '../../shared/reflection/descriptor-index.ts';
import { reflectionDefinitions, reflectionService } from '../../shared/reflection/reflection.ts';
import { compilePlan } from '../../shared/schema/compile.ts';
import { loadDescriptors } from '../../shared/schema/descriptors.ts';
import { needs, python } from '../kit/debian.ts';

const searchProto = join(import.meta.dirname, '..', 'kit', 'search.proto');

async function serve(
  t: ExecutionContext,
  services: readonly { definition: ServiceDefinition; implementation: object }[],
): Promise<Client> {
  const server = new Server();
  for (const { definition, implementation } of services) {
    server.addService(definition, implementation as UntypedServiceImplementation);
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  t.teardown(() => {
    client.close();
    server.forceShutdown();
  });
  return client;
}

type Method = ServiceDefinition[string];

function unary(client: Client, method: Method, request: object): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      (error: ServiceError | null, value?: Record<string, unknown>) =>
        error === null ? resolve(value!) : reject(error),
    );
  });
}

async function health(
  t: ExecutionContext,
): Promise<{ service: HealthService; client: Client; check: Method; watch: Method }> {
  const service = healthService();
  const client = await serve(t, [service]);
  return { service, client, check: service.definition.Check!, watch: service.definition.Watch! };
}

test('health: Check says what was set, and NOT_FOUND of what never was', async (t) => {
  const { service, client, check } = await health(t);
  t.deepEqual(await unary(client, check, { service: '' }), { status: 'NOT_SERVING' });
  service.set('', true);
  service.set('acme.Search', true);
  t.deepEqual(await unary(client, check, { service: '' }), { status: 'SERVING' });
  service.set('acme.Search', false);
  t.deepEqual(await unary(client, check, { service: 'acme.Search' }), { status: 'NOT_SERVING' });
  await t.throwsAsync(unary(client, check, { service: 'acme.Other' }), { message: /NOT_FOUND.*acme\.Other/ });
});

test('health: Watch tells every change, and the end', async (t) => {
  const { service, client, watch } = await health(t);
  const seen: string[] = [];
  const stream = client.makeServerStreamRequest(
    watch.path,
    watch.requestSerialize,
    watch.responseDeserialize as (bytes: Buffer) => { status: string },
    { service: 'acme.Search' },
  );
  const steps = [
    () => service.set('acme.Search', true),
    () => {
      // The same again is no change.
      service.set('acme.Search', true);
      service.set('acme.Search', false);
    },
    () => service.set('acme.Search', true),
    () => service.close(),
  ];
  await new Promise<void>((resolve, reject) => {
    stream.on('data', ({ status }: { status: string }) => {
      seen.push(status);
      steps.shift()?.();
    });
    stream.on('end', resolve);
    stream.on('error', reject);
  });
  t.deepEqual(seen, ['SERVICE_UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVING', 'NOT_SERVING']);
  // After the end nothing comes back to life.
  service.set('acme.Search', true);
  t.deepEqual(await unary(client, service.definition.Check!, { service: 'acme.Search' }), {
    status: 'NOT_SERVING',
  });
});

interface ReflectionAnswer {
  readonly originalRequest?: object;
  readonly fileDescriptorResponse?: { readonly fileDescriptorProto: readonly Buffer[] };
  readonly allExtensionNumbersResponse?: {
    readonly baseTypeName: string;
    readonly extensionNumber: readonly number[];
  };
  readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] };
  readonly errorResponse?: { readonly errorCode: number; readonly errorMessage: string };
}

/** All questions on one stream: the answers come in their order. */
function ask(
  client: Client,
  definition: ServiceDefinition,
  questions: readonly object[],
): Promise<ReflectionAnswer[]> {
  const method = definition.ServerReflectionInfo!;
  return new Promise((resolve, reject) => {
    const stream = client.makeBidiStreamRequest(
      method.path,
      method.requestSerialize as (value: object) => Buffer,
      method.responseDeserialize as (bytes: Buffer) => ReflectionAnswer,
    );
    const answers: ReflectionAnswer[] = [];
    stream.on('data', (answer: ReflectionAnswer) => answers.push(answer));
    stream.on('end', () => resolve(answers));
    stream.on('error', reject);
    for (const question of questions) stream.write(question);
    stream.end();
  });
}

async function reflection(t: ExecutionContext) {
  const plan = compilePlan(loadDescriptors({ proto: searchProto }), undefined);
  const service = reflectionService(plan.descriptorSet, [plan.name]);
  const client = await serve(t, [
    service,
    { definition: service.definitionV1Alpha, implementation: service.implementation },
  ]);
  return { client, plan };
}

for (const version of ['v1', 'v1alpha'] as const) {
  test(`reflection ${version}: every kind of question`, async (t) => {
    const { client, plan } = await reflection(t);
    const [services, byFile, bySymbol, byMethod, byExtension, numbers, none, empty] = await ask(
      client,
      reflectionDefinitions[version],
      [
        { listServices: '*' },
        { fileByFilename: 'regather/v1/annotations.proto' },
        { fileContainingSymbol: plan.name },
        { fileContainingSymbol: `${plan.name}.TopK` },
        {
          fileContainingExtension: { containingType: 'google.protobuf.FieldOptions', extensionNumber: 57077 },
        },
        { allExtensionNumbersOfType: 'google.protobuf.MethodOptions' },
        { fileContainingSymbol: 'acme.Nothing' },
        {},
      ],
    );
    t.true(services?.listServicesResponse?.service.some(({ name }) => name === plan.name));
    const index = new DescriptorIndex(plan.descriptorSet);
    const annotations = index.file('regather/v1/annotations.proto')!;
    t.deepEqual(byFile?.fileDescriptorResponse?.fileDescriptorProto[0], annotations.bytes);
    t.deepEqual(byExtension?.fileDescriptorResponse?.fileDescriptorProto[0], annotations.bytes);
    // With its imports, so that one question is enough.
    t.true(bySymbol!.fileDescriptorResponse!.fileDescriptorProto.length >= 4);
    t.deepEqual(byMethod?.fileDescriptorResponse, bySymbol?.fileDescriptorResponse);
    t.deepEqual(numbers?.allExtensionNumbersResponse, {
      baseTypeName: 'google.protobuf.MethodOptions',
      extensionNumber: [57077],
    });
    t.like(none?.errorResponse, { errorCode: 5 });
    t.like(empty?.errorResponse, { errorCode: 12 });
  });
}

const poolScript = `
import sys
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
pool = descriptor_pool.DescriptorPool()
set = descriptor_pb2.FileDescriptorSet.FromString(open(sys.argv[1], "rb").read())
files = {f.name: f for f in set.file}
added = {}
def add(name):
    if name in added: return
    added[name] = True
    for dependency in files[name].dependency: add(dependency)
    pool.Add(files[name])
for name in files: add(name)
service = pool.FindServiceByName(sys.argv[2])
factory = message_factory.MessageFactory(pool)
scatter = pool.FindExtensionByName("regather.v1.scatter")
merge = pool.FindExtensionByName("regather.v1.merge")
MethodOptions = factory.GetPrototype(pool.FindMessageTypeByName("google.protobuf.MethodOptions"))
FieldOptions = factory.GetPrototype(pool.FindMessageTypeByName("google.protobuf.FieldOptions"))
factory.GetMessages(list(files))
method = service.methods_by_name["TopK"]
options = MethodOptions.FromString(method.GetOptions().SerializeToString())
print("timeout_ms", options.Extensions[scatter].timeout_ms, "to", options.Extensions[scatter].to)
field = method.output_type.fields_by_name["hits"]
options = FieldOptions.FromString(field.GetOptions().SerializeToString())
print("by", options.Extensions[merge].top.by)
`;

needs(test, 'python3-protobuf')(
  "reflection: Python's DescriptorPool takes the files, and finds the options in them",
  async (t) => {
    // @grpc/reflection drops custom options and renames files: Python's pool then refuses every one of them.
    const { client, plan } = await reflection(t);
    const [answer] = await ask(client, reflectionDefinitions.v1, [{ fileContainingSymbol: plan.name }]);
    const folder = mkdtempSync(join(tmpdir(), 'regather-reflection-'));
    t.teardown(() => rmSync(folder, { recursive: true }));
    const parts = answer!.fileDescriptorResponse!.fileDescriptorProto.flatMap((bytes) => [
      Buffer.from([0x0a, ...varint(bytes.length)]),
      bytes,
    ]);
    const file = join(folder, 'set.bin');
    writeFileSync(file, Buffer.concat(parts));
    const ran = spawnSync(python, ['-c', poolScript, file, plan.name], { encoding: 'utf8' });
    t.is(ran.stderr, '');
    t.is(ran.stdout, 'timeout_ms 5000 to 1\nby score desc, id\n');
  },
);

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128);
  bytes.push(rest);
  return bytes;
}
