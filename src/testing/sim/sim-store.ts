/**
 * The target of transactional sinks in a simulation: it stands outside of the process, so nothing that dies takes
 * anything of it along. It is busy now and then, and now and then it commits and nobody hears of it.
 */
import { packValue } from '../../actors/codec.ts';

interface Held {
  readonly id: number;
  readonly bytes: string;
}

export class SimStore {
  /** What a commit has that is none of the sinks' faults, in words. */
  readonly faults: string[] = [];
  readonly #rows: { readonly output: string; readonly row: unknown }[] = [];
  /** By key of the instance. */
  readonly #held = new Map<string, Held>();
  #commits = 0;

  holds(key: string): number | undefined {
    return this.#held.get(key)?.id;
  }

  /** One transaction. */
  commit(output: string, key: string, id: number, rows: readonly unknown[]): void {
    const nth = ++this.#commits;
    if (nth % 5 === 2) throw new Error('the store is busy');
    const held = this.#held.get(key);
    const bytes = Buffer.from(packValue(rows)).toString('base64');
    if (held?.id === id && held.bytes !== bytes)
      this.faults.push(`C6: ${key} committed barrier ${id} twice, with different rows`);
    if (held === undefined || held.id < id) {
      this.#held.set(key, { id, bytes });
      for (const row of rows) this.#rows.push({ output, row });
    }
    if (nth % 7 === 3) throw new Error('the connection to the store was lost');
  }

  rowsOf(name: string): unknown[] {
    return this.#rows.flatMap(({ output, row }) => (output === name ? [row] : []));
  }
}
