/** A YAML file that knows on which line each of its values stands. */
import { isMap, isNode, isScalar, LineCounter, parseDocument, type YAMLParseError } from 'yaml';
import type { ErrorCode } from '../errors/codes.ts';
import { type Problem, problemsError } from './problems.ts';

export type KeyPath = readonly (string | number)[];

export interface YamlDocument {
  /** As the person named it. */
  readonly file: string;
  /** Plain objects, arrays and scalars; `{}` for an empty document. */
  readonly value: unknown;
  /** The line of the value, or of the nearest thing around it that is there. */
  lineOf(path: KeyPath): number | undefined;
}

/** Throws an error of `code` with file and line for what isn't YAML: also a key that is there twice. */
export function parseYaml(text: string, file: string, code: ErrorCode = 'CONFIG_INVALID'): YamlDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'error' });
  if (document.errors.length > 0) {
    const problems = document.errors.map(
      (error): Problem => ({
        file,
        line: lines.linePos(error.pos[0]).line,
        key: '',
        message: `expected YAML: ${complaint(error)}`,
      }),
    );
    throw problemsError(code, problems);
  }
  const line = (offset: number | undefined): number | undefined =>
    offset === undefined ? undefined : lines.linePos(offset).line;

  return {
    file,
    value: document.toJS() ?? {},
    lineOf(path) {
      for (let length = path.length; length > 0; length--) {
        const parent = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
        const key = path[length - 1]!;
        // The key's own line rather than the value's: a block value begins on the next line.
        if (isMap(parent)) {
          const pair = parent.items.find(
            (item) => isScalar(item.key) && String(item.key.value) === String(key),
          );
          if (pair !== undefined && isScalar(pair.key)) return line(pair.key.range?.[0]);
        }
        const node = document.getIn(path.slice(0, length), true);
        if (isNode(node)) return line(node.range?.[0]);
      }
      return isNode(document.contents) ? line(document.contents.range?.[0]) : undefined;
    },
  };
}

/** One line; the library's own advice, on how to call it, is of no use to the person who wrote the file. */
function complaint(error: YAMLParseError): string {
  if (error.code === 'MULTIPLE_DOCS') return 'One document is allowed, here a second one begins';
  return error.message.split('\n', 1)[0]!;
}
