import { type FileDesc, freshFile } from '../descriptor/messages.ts';
import { TokenCursor } from './cursor.ts';
import { tokenize } from './lexer.ts';
import { ParseContext } from './parse-context.ts';
import { parseEnum } from './parse-enum.ts';
import { parseExtend, parseMessage } from './parse-message.ts';
import { parseService } from './parse-service.ts';
import type { ParsedFile } from './syntax.ts';

/**
 * Parses one .proto. Types of fields keep the names as written, with type 0 where only linking tells message from enum;
 * options stay raw. `source` is the file's bytes as latin1. Throws PROTO_INVALID with the line.
 */
export function parseProto(name: string, path: string, source: string): ParsedFile {
  const context = new ParseContext(new TokenCursor(tokenize(source, path), path));
  const desc = freshFile(name);
  const imports = new Map<string, number>();
  const { cursor } = context;
  const options = context.mark(desc, 1);
  parseSyntax(context, desc);
  while (cursor.next.kind !== 'end') {
    const { line } = cursor;
    if (cursor.accept(';')) continue;
    if (cursor.is('message')) desc.messageType.push(parseMessage(context));
    else if (cursor.is('enum')) desc.enumType.push(parseEnum(context));
    else if (cursor.is('service')) desc.service.push(parseService(context));
    else if (cursor.is('extend'))
      parseExtend(context, { messages: desc.messageType, fields: desc.extension });
    else if (cursor.is('import')) parseImport(cursor, desc, imports);
    else if (cursor.is('option')) options.push(context.optionStatement());
    else if (cursor.accept('package')) {
      if (desc.package !== undefined)
        cursor.fail(`A second package statement; the first says "${desc.package}".`, line);
      desc.package = cursor.dotted('the name of a package', false);
      cursor.expect(';', ' after the package');
    } else if (cursor.is('syntax') || cursor.is('edition')) {
      cursor.fail(`"${cursor.next.text}" must be the first statement of the file.`);
    } else
      cursor.expected(
        'a statement such as "message", "enum", "service", "extend", "import", "option" or "package"',
      );
  }
  return { desc, path, meta: context.meta, imports };
}

function parseSyntax(context: ParseContext, desc: FileDesc): void {
  const cursor: TokenCursor = context.cursor;
  if (cursor.is('edition') && cursor.after.text === '=') {
    cursor.fail(
      'Editions source files are not read here. Compile it with protoc or buf (--include_imports) and give the descriptor set as service.descriptor.',
    );
  }
  if (!cursor.is('syntax')) return;
  cursor.take();
  cursor.expect('=', ' after "syntax"');
  const { line } = cursor;
  const syntax = cursor.utf8('"proto2" or "proto3"');
  if (syntax !== 'proto2' && syntax !== 'proto3') {
    cursor.fail(`Expected syntax "proto2" or "proto3", got "${syntax}".`, line);
  }
  cursor.expect(';', ' after the syntax');
  context.proto3 = syntax === 'proto3';
  if (context.proto3) desc.syntax = 'proto3';
}

function parseImport(cursor: TokenCursor, desc: FileDesc, imports: Map<string, number>): void {
  const { line } = cursor;
  cursor.take();
  if (cursor.accept('public')) desc.publicDependency.push(desc.dependency.length);
  else if (cursor.accept('weak')) desc.weakDependency.push(desc.dependency.length);
  const name = cursor.utf8('the name of a file in quotes');
  cursor.expect(';', ' after the import');
  if (imports.has(name)) cursor.fail(`"${name}" is imported twice.`, line);
  imports.set(name, line);
  desc.dependency.push(name);
}
