import type { FileDesc } from '../descriptor/messages.ts';
import { type NamedSymbol, symbolsOf } from '../descriptor/symbols.ts';
import { parentName } from './names.ts';

const aggregates: ReadonlySet<NamedSymbol['kind']> = new Set(['package', 'message', 'enum', 'service']);

/** Names as protobuf resolves them: innermost scope first, and only what a file imports. */
export class Scope {
  readonly #symbols = new Map<string, NamedSymbol>();
  readonly #files = new Map<string, FileDesc>();
  /** Packages are shared by files. */
  readonly #packages = new Map<string, Set<FileDesc>>();
  readonly #visible = new Map<FileDesc, Set<FileDesc>>();

  /** `clash` hears of each name that is taken, with who has it. Files come after their imports. */
  add(file: FileDesc, clash: (symbol: NamedSymbol, taken: NamedSymbol) => void): void {
    this.#files.set(file.name, file);
    for (const symbol of symbolsOf(file)) {
      const taken = this.#symbols.get(symbol.name);
      if (symbol.kind === 'package') {
        const files = this.#packages.get(symbol.name) ?? new Set();
        this.#packages.set(symbol.name, files.add(file));
      }
      if (taken === undefined) this.#symbols.set(symbol.name, symbol);
      else if (taken.kind !== 'package' || symbol.kind !== 'package') clash(symbol, taken);
    }
    const visible = new Set([file]);
    for (const name of file.dependency) this.#addPublic(this.#files.get(name), visible);
    this.#visible.set(file, visible);
  }

  #addPublic(file: FileDesc | undefined, into: Set<FileDesc>): void {
    if (file === undefined || into.has(file)) return;
    into.add(file);
    for (const index of file.publicDependency)
      this.#addPublic(this.#files.get(file.dependency[index] ?? ''), into);
  }

  /** By full name without a leading dot, whoever imports it. */
  get(fullName: string): NamedSymbol | undefined {
    return this.#symbols.get(fullName);
  }

  names(kind: NamedSymbol['kind']): string[] {
    return [...this.#symbols.values()].filter((symbol) => symbol.kind === kind).map((symbol) => symbol.name);
  }

  /** By full name, if `from` may see it. */
  visible(fullName: string, from: FileDesc): NamedSymbol | undefined {
    const symbol = this.#symbols.get(fullName);
    const files = this.#visible.get(from);
    if (symbol === undefined || files === undefined) return undefined;
    if (symbol.kind !== 'package') return files.has(symbol.file) ? symbol : undefined;
    for (const file of this.#packages.get(fullName) ?? []) if (files.has(file)) return symbol;
    return undefined;
  }

  /**
   * `name` as written in the element `at` (a full name) of `from`. With `types`, a single name that isn't a type is passed over;
   * the first part of a dotted name must be something that has parts, and decides.
   */
  resolve(name: string, at: string, from: FileDesc, types = false): NamedSymbol | undefined {
    if (name.startsWith('.')) return this.visible(name.slice(1), from);
    const dot = name.indexOf('.');
    const first = dot < 0 ? name : name.slice(0, dot);
    for (let scope = at; scope !== ''; ) {
      scope = parentName(scope);
      const prefix = scope === '' ? '' : `${scope}.`;
      const found = this.visible(prefix + first, from);
      if (found === undefined) continue;
      if (dot >= 0) {
        if (aggregates.has(found.kind)) return this.visible(prefix + name, from);
      } else if (!types || found.kind === 'message' || found.kind === 'enum') return found;
    }
    return undefined;
  }

  /** What hides a dotted name that would resolve from the top: the nearer thing that its first part names. */
  hiddenBy(name: string, at: string, from: FileDesc): string | undefined {
    if (name.startsWith('.') || this.visible(name, from) === undefined) return undefined;
    return this.resolve(name.slice(0, name.indexOf('.')), at, from)?.name;
  }

  /** Where a name that doesn't resolve would be found if it were imported: its file's name. */
  undeclared(name: string, at: string, from: FileDesc): string | undefined {
    if (this.resolve(name, at, from) !== undefined) return undefined;
    const bare = name.startsWith('.') ? name.slice(1) : name;
    for (let scope = name.startsWith('.') ? '' : parentName(at); ; scope = parentName(scope)) {
      const symbol = this.#symbols.get(scope === '' ? bare : `${scope}.${bare}`);
      if (symbol !== undefined && symbol.kind !== 'package' && symbol.file !== from) return symbol.file.name;
      if (scope === '') return undefined;
    }
  }
}
