/** Pairs of the open batch, as they came: they wait until it ends, so it can be dropped. Used by keyed-panes.ts alone. */
import { packColumns, unpackColumns } from '../../actors/codec.ts';

export interface Pairs {
  readonly keys: readonly unknown[];
  readonly values: readonly unknown[];
}

export interface OpenLog {
  /** What is in the log so far is dropped. */
  readonly drop?: true;
  readonly open?: readonly Uint8Array[];
}

export class OpenPairs {
  #lists: Pairs[] = [];
  /** Lists that a log has. */
  #logged = 0;
  /** A log has lists that are gone. */
  #dropped = false;

  /** Whether a log has some of them. */
  get isLogged(): boolean {
    return this.#logged > 0;
  }

  add(pairs: Pairs): void {
    if (pairs.keys.length > 0) this.#lists.push(pairs);
  }

  /** All lists, in order; none is left. */
  take(): readonly Pairs[] {
    const lists = this.#lists;
    this.#lists = [];
    if (this.#logged > 0) this.#dropped = true;
    this.#logged = 0;
    return lists;
  }

  /** Undefined when nothing has changed since the last call. */
  log(): OpenLog | undefined {
    const open = this.#lists
      .slice(this.#logged)
      .map(({ keys, values }) => packColumns(keys, values));
    const drop = this.#dropped;
    this.#logged = this.#lists.length;
    this.#dropped = false;
    if (open.length === 0 && !drop) return undefined;
    return { ...(drop ? { drop } : {}), ...(open.length > 0 ? { open } : {}) };
  }

  apply({ drop, open = [] }: OpenLog): void {
    if (drop === true) this.#lists = [];
    for (const bytes of open) this.#lists.push(unpackColumns(bytes));
    this.#logged = this.#lists.length;
  }
}
