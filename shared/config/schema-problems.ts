/** zod's findings in our own words, each with its place: unknown keys with what was probably meant, others with what was found. */
import type { z } from 'zod';
import { didYouMean } from '../schema/suggest.ts';
import { keysOf } from './keys.ts';
import type { Problem } from './problems.ts';
import type { KeyPath } from './yaml-document.ts';

type Issue = z.core.$ZodIssue;

export function schemaProblems(
  issues: readonly Issue[],
  value: unknown,
  schema: z.ZodType,
  place: (path: KeyPath) => { readonly file: string; readonly line?: number },
): Problem[] {
  const problems: Problem[] = [];
  for (const issue of issues) {
    const path = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step));
    if (issue.code === 'unrecognized_keys') {
      const known = namesIn(schema, path);
      for (const name of issue.keys) {
        const at = [...path, name];
        const message = `expected a known key.${didYouMean(name, known) || ` Known here: ${known.join(', ')}`}`;
        problems.push({ ...place(at), key: at.join('.'), message });
      }
      continue;
    }
    problems.push({
      ...place(path),
      key: path.join('.'),
      message: `${issue.message}, ${found(value, path, schema)}`,
    });
  }
  return dedupe(problems);
}

/** The names that the section at `path` may have. */
function namesIn(schema: z.ZodType, path: KeyPath): string[] {
  const steps = path.filter((step) => typeof step === 'string');
  const names = new Set<string>();
  for (const key of keysOf(schema)) {
    if (steps.every((step, i) => key.path[i] === step || key.path[i] === '*')) {
      const name = key.path[steps.length];
      if (name !== undefined) names.add(name);
    }
  }
  return [...names];
}

function found(value: unknown, path: KeyPath, schema: z.ZodType): string {
  let at = value;
  for (const step of path) {
    at = typeof at === 'object' && at !== null ? (at as Record<string | number, unknown>)[step] : undefined;
  }
  if (at === undefined) return 'got nothing';
  const key = path.filter((step) => typeof step === 'string').join('.');
  if (keysOf(schema).some((one) => one.meta.secret === true && one.path.join('.') === key))
    return 'got something else';
  const text = JSON.stringify(at);
  return `got ${text.length > 60 ? `${text.slice(0, 57)}…` : text}`;
}

/** A number that is both too large and no integer is one problem. */
function dedupe(problems: readonly Problem[]): Problem[] {
  const seen = new Set<string>();
  return problems.filter((problem) => {
    const text = JSON.stringify(problem);
    return !seen.has(text) && seen.add(text);
  });
}
