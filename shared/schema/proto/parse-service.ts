import type { MethodDesc, ServiceDesc } from '../descriptor/messages.ts';
import type { TokenCursor } from './cursor.ts';
import type { ParseContext } from './parse-context.ts';

/** `service … { … }` */
export function parseService(context: ParseContext): ServiceDesc {
  const cursor: TokenCursor = context.cursor;
  const { line } = cursor;
  cursor.take();
  const service: ServiceDesc = { name: cursor.identifier('the name of a service'), method: [] };
  const options = context.mark(service, line);
  cursor.expect('{', ` to begin service "${service.name}"`);
  while (!cursor.accept('}')) {
    if (cursor.next.kind === 'end')
      cursor.expected(`"}" to end service "${service.name}", which begins on line ${line}`);
    if (cursor.accept(';')) continue;
    if (cursor.is('option')) options.push(context.optionStatement());
    else if (cursor.is('rpc')) service.method.push(parseMethod(context));
    else cursor.expected('"rpc", "option" or "}"');
  }
  return service;
}

function parseMethod(context: ParseContext): MethodDesc {
  const cursor: TokenCursor = context.cursor;
  const { line } = cursor;
  cursor.take();
  const method: MethodDesc = {
    name: cursor.identifier('the name of a method'),
    inputType: '',
    outputType: '',
  };
  const options = context.mark(method, line);
  cursor.expect('(', ' before the type of the request');
  if (cursor.accept('stream')) method.clientStreaming = true;
  method.inputType = cursor.dotted('the type of the request', true);
  cursor.expect(')', ' after the type of the request');
  cursor.expect('returns');
  cursor.expect('(', ' before the type of the response');
  if (cursor.accept('stream')) method.serverStreaming = true;
  method.outputType = cursor.dotted('the type of the response', true);
  cursor.expect(')', ' after the type of the response');
  if (!cursor.accept('{')) {
    cursor.expect(';', ` or "{" after rpc "${method.name}"`);
    return method;
  }
  method.options = new Uint8Array(0);
  while (!cursor.accept('}')) {
    if (cursor.accept(';')) continue;
    if (!cursor.is('option')) cursor.expected(`"option", or "}" to end rpc "${method.name}"`);
    options.push(context.optionStatement());
  }
  return method;
}
