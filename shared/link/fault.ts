import { RegatherError } from '../errors/errors.ts';

/** A peer broke a rule of docs/reference/link.md. */
export function linkFault(rule: string): RegatherError {
  return new RegatherError('LINK_PROTOCOL', `The link protocol was broken: ${rule}`);
}
