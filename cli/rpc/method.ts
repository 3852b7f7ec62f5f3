/** Finds the method that a person means among the services of a schema. */
import { RegatherError } from '../../shared/errors/errors.ts';
import type { MethodDesc } from '../../shared/schema/descriptor/messages.ts';
import { within } from '../../shared/schema/descriptor/symbols.ts';
import type { Descriptors } from '../../shared/schema/descriptors.ts';
import { didYouMean } from '../../shared/schema/suggest.ts';

export interface FoundMethod {
  /** "/acme.search.v1.Search/TopK" */
  readonly path: string;
  readonly requestType: string;
  readonly responseType: string;
  readonly streaming: boolean;
}

/** `text`: "TopK", "Search/TopK", "acme.search.v1.Search/TopK" or with a dot. `service`: the only one to look in. */
export function findMethod(descriptors: Descriptors, text: string, service: string | undefined): FoundMethod {
  const all: { service: string; method: MethodDesc }[] = [];
  for (const file of descriptors.files) {
    for (const desc of file.service) {
      const name = within(file.package ?? '', desc.name);
      for (const method of desc.method) all.push({ service: name, method });
    }
  }
  const cut = Math.max(text.lastIndexOf('/'), text.lastIndexOf('.'));
  const wantedService = cut < 0 ? service : text.slice(0, cut).replace(/^\//, '');
  const wanted = text.slice(cut + 1);
  const inService = all.filter(
    (one) =>
      wantedService === undefined ||
      one.service === wantedService ||
      one.service.endsWith(`.${wantedService}`),
  );
  const found = inService.filter(({ method }) => method.name === wanted);
  const [first] = found;
  if (first === undefined) {
    const names = [...new Set((inService.length > 0 ? inService : all).map(({ method }) => method.name))];
    const hint = didYouMean(wanted, names) || ` There are ${names.join(', ') || 'none'}.`;
    throw new RegatherError('USAGE', `No method "${text}".${hint}`, { field: text });
  }
  if (found.length > 1) {
    const services = found.map((one) => `${one.service}/${wanted}`).join(', ');
    throw new RegatherError('USAGE', `Several services have "${wanted}", say which: ${services}`, {
      field: text,
    });
  }
  const { method } = first;
  if (method.clientStreaming === true) {
    throw new RegatherError('USAGE', `${first.service}/${wanted} streams requests, which call can't do`, {
      field: text,
    });
  }
  return {
    path: `/${first.service}/${method.name}`,
    requestType: method.inputType.replace(/^\./, ''),
    responseType: method.outputType.replace(/^\./, ''),
    streaming: method.serverStreaming === true,
  };
}
