import { RegatherError } from '../../errors/errors.ts';
import type { FileDesc } from '../descriptor/messages.ts';
import type { Place } from '../plan.ts';
import { Problems } from '../problems.ts';
import { checkFile } from './check.ts';
import { elements } from './elements.ts';
import { linkFile } from './link.ts';
import { OptionInterpreter } from './options.ts';
import { parseProto } from './parse.ts';
import { Scope } from './scope.ts';
import type { Source } from './sources.ts';
import type { ParsedFile } from './syntax.ts';
import { wellKnown } from './well-known.ts';

/** Where .proto files come from. */
export interface SourceFinder {
  main(): Source;
  imported(name: string, from: Place): Source;
}

let builtinScope: Scope | undefined;

/** descriptor.proto's own messages, for files that set standard options without importing it. */
function builtin(): Scope {
  if (builtinScope !== undefined) return builtinScope;
  const name = 'google/protobuf/descriptor.proto';
  const problems = new Problems();
  const scope = new Scope();
  linkFile(parseProto(name, name, wellKnown.get(name)!), scope, problems);
  problems.throwIfAny();
  builtinScope = scope;
  return scope;
}

/** Parses the main file and all it imports, dependencies first. */
function parseAll(sources: SourceFinder): ParsedFile[] {
  const files: ParsedFile[] = [];
  const done = new Set<string>();
  const open: string[] = [];
  const visit = (source: Source): void => {
    const file = parseProto(source.name, source.path, source.text);
    open.push(source.name);
    for (const name of file.desc.dependency) {
      if (done.has(name)) continue;
      const place = { file: file.path, line: file.imports.get(name)! };
      if (open.includes(name)) {
        const cycle = [...open.slice(open.indexOf(name)), name].join('" → "');
        throw new RegatherError('PROTO_INVALID', `Files import each other in a circle: "${cycle}".`, {
          ...place,
          field: name,
        });
      }
      visit(sources.imported(name, place));
    }
    open.pop();
    done.add(source.name);
    files.push(file);
  };
  visit(sources.main());
  return files;
}

/**
 * Compiles a .proto with its imports: what `protoc --include_imports` makes, and the lines of everything. Throws PROTO_INVALID:
 * the first syntax error, or every error of names, options and rules at once.
 */
export function compileProto(sources: SourceFinder): {
  readonly files: readonly FileDesc[];
  readonly parsed: readonly ParsedFile[];
} {
  const parsed = parseAll(sources);
  const scope = new Scope();
  const problems = new Problems();
  for (const file of parsed) linkFile(file, scope, problems);
  problems.throwIfAny();
  const interpreter = new OptionInterpreter(scope, builtin(), problems);
  for (const file of parsed) {
    for (const element of elements(file.desc)) {
      const options = file.meta.get(element.desc)?.options ?? [];
      if (options.length === 0) continue;
      const bytes = interpreter.interpret(file, element, options);
      const before = element.desc.options ?? new Uint8Array(0);
      element.desc.options = Buffer.concat([before, bytes]);
    }
  }
  for (const file of parsed) checkFile(file, scope, problems);
  problems.throwIfAny();
  return { files: parsed.map(({ desc }) => desc), parsed };
}
