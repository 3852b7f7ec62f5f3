/** A server's schema, asked of itself: gRPC reflection, v1 and where that is unknown v1alpha. */
import { type Client, status } from '@grpc/grpc-js';
import { RegatherError } from '../../shared/errors/errors.ts';
import { reflectionDefinitions } from '../../shared/reflection/reflection.ts';
import { type Descriptors, readDescriptorSet } from '../../shared/schema/descriptors.ts';
import { LEN } from '../../shared/wire/reader.ts';
import { Writer } from '../../shared/wire/writer.ts';

interface ReflectionAnswer {
  readonly fileDescriptorResponse?: { readonly fileDescriptorProto: readonly Buffer[] };
  readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] };
  readonly errorResponse?: { readonly errorCode: number; readonly errorMessage: string };
}

/** Everything that the server's own services need. `address` is for messages. */
export async function reflect(client: Client, address: string): Promise<Descriptors> {
  const listed = await ask(client, { listServices: '*' });
  const names = (listed.listServicesResponse?.service ?? [])
    .map(({ name }) => name)
    .filter((name) => !/^grpc\.(reflection|health)\./.test(name));
  if (names.length === 0)
    throw new RegatherError('SERVICE_UNKNOWN', `${address} lists no service of its own`);
  const files = new Map<string, Buffer>();
  for (const fileContainingSymbol of names) {
    const answer = await ask(client, { fileContainingSymbol });
    for (const bytes of answer.fileDescriptorResponse?.fileDescriptorProto ?? []) {
      files.set(bytes.toString('latin1'), bytes);
    }
  }
  const set = new Writer();
  for (const bytes of files.values()) {
    set.tag(1, LEN);
    set.bytes(bytes);
  }
  return readDescriptorSet(set.finish(), `${address} (reflection)`);
}

async function ask(client: Client, request: object): Promise<ReflectionAnswer> {
  const answer = await Promise.resolve(askWith(client, reflectionDefinitions.v1, request)).catch(
    (error: unknown) => {
      if ((error as { code?: number }).code !== status.UNIMPLEMENTED) throw error;
      return askWith(client, reflectionDefinitions.v1alpha, request);
    },
  );
  const { errorResponse } = answer;
  if (errorResponse !== undefined) {
    throw new RegatherError('SERVICE_UNKNOWN', `reflection: ${errorResponse.errorMessage}`, {
      grpc: errorResponse.errorCode,
    });
  }
  return answer;
}

function askWith(
  client: Client,
  definition: (typeof reflectionDefinitions)['v1'],
  request: object,
): Promise<ReflectionAnswer> {
  const method = definition.ServerReflectionInfo!;
  return new Promise((resolve, reject) => {
    const stream = client.makeBidiStreamRequest<object, ReflectionAnswer>(
      method.path,
      method.requestSerialize as (value: object) => Buffer,
      method.responseDeserialize as (bytes: Buffer) => ReflectionAnswer,
    );
    stream.on('data', (answer: ReflectionAnswer) => {
      resolve(answer);
      stream.end();
    });
    stream.on('error', reject);
    stream.on('end', () =>
      reject(new RegatherError('UNAVAILABLE', 'the server ended reflection without an answer')),
    );
    stream.write(request);
  });
}
