/** The orders that requests ask for (`order_from`): read, parsed against the item's fields, and kept while few. */
import { RegatherError } from '../errors/errors.ts';
import { parseOrder } from '../schema/paths.ts';
import type { MethodPlan, OrderSpec, SortKey } from '../schema/plan.ts';
import { readPath } from '../wire/path.ts';
import { asBuffer } from '../wire/reader.ts';

/** Clients use a handful of orders; whoever sends more makes us forget, not grow. */
const keptOrders = 64;

export class RequestOrders {
  readonly #request: string;
  readonly #orders: readonly { readonly spec: OrderSpec; readonly parsed: Map<string, readonly SortKey[]> }[];

  constructor(method: MethodPlan) {
    this.#request = method.request.name;
    this.#orders = method.orders.map((spec) => ({ spec, parsed: new Map() }));
  }

  /** One per order; undefined: the request asks for none. Throws RegatherError REQUEST_ORDER. */
  read(request: Uint8Array): readonly (readonly SortKey[] | undefined)[] {
    const bytes = asBuffer(request);
    return this.#orders.map(({ spec, parsed }) => {
      const text = readPath(bytes, spec.from);
      if (typeof text !== 'string' || text === '') return undefined;
      const known = parsed.get(text);
      if (known !== undefined) return known;
      const order = this.#parse(spec, text);
      if (parsed.size === keptOrders) parsed.clear();
      parsed.set(text, order);
      return order;
    });
  }

  #parse(spec: OrderSpec, text: string): readonly SortKey[] {
    try {
      return parseOrder(text, spec.item);
    } catch (thrown) {
      const choices = spec.item.fields.filter((field) => !field.repeated).map((field) => field.name);
      const reason = RegatherError.from(thrown).message;
      throw new RegatherError(
        'REQUEST_ORDER',
        `Expected "${spec.from.text}" of ${this.#request} to be an order of ${choices.join(', ')} (each with asc or desc), ` +
          `got ${JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text)}: ${reason}`,
        { field: spec.from.text, cause: thrown },
      );
    }
  }
}
