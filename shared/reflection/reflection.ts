/** gRPC server reflection, v1 and v1alpha (the same messages in two packages), serving our own descriptors unchanged. */
import { type handleBidiStreamingCall, type ServiceDefinition, status } from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';
import { DescriptorIndex, type IndexedFile } from './descriptor-index.ts';

export interface ReflectionService {
  /** For `server.addService`: one for each version of the protocol. */
  readonly definition: ServiceDefinition;
  readonly definitionV1Alpha: ServiceDefinition;
  readonly implementation: { readonly ServerReflectionInfo: handleBidiStreamingCall<Request, Response> };
}

interface Request {
  readonly host: string;
  readonly messageRequest?: string;
  readonly fileByFilename?: string;
  readonly fileContainingSymbol?: string;
  readonly fileContainingExtension?: { readonly containingType: string; readonly extensionNumber: number };
  readonly allExtensionNumbersOfType?: string;
  readonly listServices?: string;
}

interface Answer {
  readonly fileDescriptorResponse?: { readonly fileDescriptorProto: readonly Buffer[] };
  readonly allExtensionNumbersResponse?: {
    readonly baseTypeName: string;
    readonly extensionNumber: readonly number[];
  };
  readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] };
  readonly errorResponse?: { readonly errorCode: number; readonly errorMessage: string };
}

interface Response extends Answer {
  readonly validHost: string;
  readonly originalRequest: Request;
}

/** `serviceNames` are listed beside the reflection services themselves: full names, such as "acme.search.v1.Search". */
export function reflectionService(
  descriptorSet: Uint8Array,
  serviceNames: readonly string[],
): ReflectionService {
  const index = new DescriptorIndex(descriptorSet);
  const services = [...new Set([...serviceNames, v1Name, v1AlphaName])].sort().map((name) => ({ name }));

  const answer = (request: Request): Answer => {
    switch (request.messageRequest) {
      case 'fileByFilename':
        return files(index, index.file(request.fileByFilename ?? ''), `file "${request.fileByFilename}"`);
      case 'fileContainingSymbol': {
        const symbol = request.fileContainingSymbol ?? '';
        return files(index, index.symbol(symbol.replace(/^\./, '')), `symbol "${symbol}"`);
      }
      case 'fileContainingExtension': {
        const { containingType = '', extensionNumber = 0 } = request.fileContainingExtension ?? {};
        const found = index.extension(containingType.replace(/^\./, ''), extensionNumber);
        return files(index, found, `extension ${extensionNumber} of "${containingType}"`);
      }
      case 'allExtensionNumbersOfType': {
        const type = (request.allExtensionNumbersOfType ?? '').replace(/^\./, '');
        const numbers = index.extensionNumbers(type);
        if (numbers === undefined) return notFound(`message "${type}"`);
        return { allExtensionNumbersResponse: { baseTypeName: type, extensionNumber: numbers } };
      }
      case 'listServices':
        return { listServicesResponse: { service: services } };
      default:
        return {
          errorResponse: {
            errorCode: status.UNIMPLEMENTED,
            errorMessage: 'Expected a kind of request that grpc.reflection.v1 has, got none',
          },
        };
    }
  };

  return {
    definition: v1,
    definitionV1Alpha: v1Alpha,
    implementation: {
      ServerReflectionInfo(call) {
        call.on('data', (request: Request) => {
          call.write({ validHost: request.host, originalRequest: request, ...answer(request) });
        });
        call.on('end', () => call.end());
        // A client that leaves: nothing is held for it.
        call.on('error', () => {});
      },
    },
  };
}

/** The file with everything it imports, so that a client needs one question. */
function files(index: DescriptorIndex, file: IndexedFile | undefined, what: string): Answer {
  if (file === undefined) return notFound(what);
  return { fileDescriptorResponse: { fileDescriptorProto: index.closure(file).map((one) => one.bytes) } };
}

function notFound(what: string): Answer {
  return { errorResponse: { errorCode: status.NOT_FOUND, errorMessage: `No ${what} here` } };
}

const v1Name = 'grpc.reflection.v1.ServerReflection';
const v1AlphaName = 'grpc.reflection.v1alpha.ServerReflection';

const messages = {
  ServerReflectionRequest: {
    oneofs: {
      messageRequest: {
        oneof: [
          'fileByFilename',
          'fileContainingSymbol',
          'fileContainingExtension',
          'allExtensionNumbersOfType',
          'listServices',
        ],
      },
    },
    fields: {
      host: { type: 'string', id: 1 },
      fileByFilename: { type: 'string', id: 3 },
      fileContainingSymbol: { type: 'string', id: 4 },
      fileContainingExtension: { type: 'ExtensionRequest', id: 5 },
      allExtensionNumbersOfType: { type: 'string', id: 6 },
      listServices: { type: 'string', id: 7 },
    },
  },
  ExtensionRequest: {
    fields: { containingType: { type: 'string', id: 1 }, extensionNumber: { type: 'int32', id: 2 } },
  },
  ServerReflectionResponse: {
    oneofs: {
      messageResponse: {
        oneof: [
          'fileDescriptorResponse',
          'allExtensionNumbersResponse',
          'listServicesResponse',
          'errorResponse',
        ],
      },
    },
    fields: {
      validHost: { type: 'string', id: 1 },
      originalRequest: { type: 'ServerReflectionRequest', id: 2 },
      fileDescriptorResponse: { type: 'FileDescriptorResponse', id: 4 },
      allExtensionNumbersResponse: { type: 'ExtensionNumberResponse', id: 5 },
      listServicesResponse: { type: 'ListServiceResponse', id: 6 },
      errorResponse: { type: 'ErrorResponse', id: 7 },
    },
  },
  FileDescriptorResponse: { fields: { fileDescriptorProto: { rule: 'repeated', type: 'bytes', id: 1 } } },
  ExtensionNumberResponse: {
    fields: {
      baseTypeName: { type: 'string', id: 1 },
      extensionNumber: { rule: 'repeated', type: 'int32', id: 2 },
    },
  },
  ListServiceResponse: { fields: { service: { rule: 'repeated', type: 'ServiceResponse', id: 1 } } },
  ServiceResponse: { fields: { name: { type: 'string', id: 1 } } },
  ErrorResponse: { fields: { errorCode: { type: 'int32', id: 1 }, errorMessage: { type: 'string', id: 2 } } },
  ServerReflection: {
    methods: {
      ServerReflectionInfo: {
        requestType: 'ServerReflectionRequest',
        requestStream: true,
        responseType: 'ServerReflectionResponse',
        responseStream: true,
        comment: '',
      },
    },
  },
};

function load(version: 'v1' | 'v1alpha'): ServiceDefinition {
  const json = {
    nested: { grpc: { nested: { reflection: { nested: { [version]: { nested: messages } } } } } },
  };
  const loaded = fromJSON(json, { keepCase: true, oneofs: true });
  return loaded[`grpc.reflection.${version}.ServerReflection`] as ServiceDefinition;
}

const v1 = load('v1');
const v1Alpha = load('v1alpha');

/** The services' definitions, for clients. */
export const reflectionDefinitions = { v1, v1alpha: v1Alpha } as const;
