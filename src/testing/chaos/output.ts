/**
 * What came out of one collected stream, told against what the servers have served. A stream has records as they were
 * served, or `[key, count]` pairs; the key of a record is what stands before its first space.
 */
import type { NumberedServer } from './numbered-server.ts';

/** Faults that are told one by one. */
const SHOWN = 3;

interface Seen {
  /** Times that each record was seen, by its number. */
  readonly times: number[];
  /** By key: the last number seen. */
  readonly last: Map<string, number>;
}

export class Output {
  readonly name: string;
  readonly #servers: readonly NumberedServer[];
  readonly #seen = new Map<NumberedServer, Seen>();
  readonly #counts = new Map<string, number>();
  readonly #strangers: string[] = [];
  readonly #disorder: string[] = [];
  /** By server: how many of its records each batch had. */
  readonly #perBatch = new Map<NumberedServer, number[]>();
  #total = 0;
  #isCounts = false;

  constructor(name: string, servers: readonly NumberedServer[]) {
    this.name = name;
    this.#servers = servers;
    for (const server of servers) {
      this.#seen.set(server, { times: [], last: new Map() });
      this.#perBatch.set(server, []);
    }
  }

  /** Records, or the sum of the counts. */
  get total(): number {
    return this.#total;
  }

  get isCounts(): boolean {
    return this.#isCounts;
  }

  /** How many records of a server each batch had, in order. */
  perBatch(server: NumberedServer): readonly number[] {
    return this.#perBatch.get(server) ?? [];
  }

  /** A batch of it. */
  add(values: readonly unknown[]): void {
    for (const counts of this.#perBatch.values()) counts.push(0);
    for (const value of values) {
      if (Array.isArray(value)) this.#addCount(String(value[0]), Number(value[1]));
      else this.#addRecord(String(value));
    }
  }

  /** Where a key's records came out of order. */
  get disorder(): readonly string[] {
    return this.#disorder;
  }

  /**
   * What differs from exactly these numbers of records, by server; empty when nothing does.
   * @param without records that must not be there
   */
  differences(
    served: ReadonlyMap<NumberedServer, number>,
    without: readonly string[] = [],
  ): string[] {
    const found = this.#isCounts
      ? this.#wrongCounts(served, without)
      : this.#wrongRecords(served, new Set(without));
    return [...this.#strangers.map((text) => `'${text}' was never served`), ...found];
  }

  /** What differs from a beginning of what was served. */
  prefixDifferences(): string[] {
    if (this.#isCounts) return this.#wrongCounts(new Map([[this.#servers[0]!, this.#total]]));
    return this.differences(
      new Map([...this.#seen].map(([server, { times }]) => [server, times.length])),
    );
  }

  #addCount(key: string, count: number): void {
    this.#isCounts = true;
    this.#total += count;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + count);
  }

  #addRecord(text: string): void {
    this.#total++;
    for (const [server, seen] of this.#seen) {
      const number = server.numberOf(text);
      if (number === undefined) continue;
      seen.times[number] = (seen.times[number] ?? 0) + 1;
      const key = server.key(number);
      const last = seen.last.get(key) ?? -1;
      if (number <= last && this.#disorder.length < SHOWN) {
        this.#disorder.push(`${server.name}${key}: ${number} came behind ${last}`);
      }
      seen.last.set(key, number);
      const counts = this.#perBatch.get(server)!;
      counts[counts.length - 1]!++;
      return;
    }
    if (this.#strangers.length < SHOWN) this.#strangers.push(text);
  }

  #wrongRecords(
    served: ReadonlyMap<NumberedServer, number>,
    without: ReadonlySet<string>,
  ): string[] {
    const lost: string[] = [];
    const doubled: string[] = [];
    let lostCount = 0;
    let doubledCount = 0;
    for (const [server, { times }] of this.#seen) {
      const count = served.get(server) ?? 0;
      for (let n = 0; n < Math.max(count, times.length); n++) {
        const seen = times[n] ?? 0;
        const wanted = n < count && !(without.size > 0 && without.has(server.record(n))) ? 1 : 0;
        if (seen < wanted && ++lostCount <= SHOWN) lost.push(`'${server.record(n)}'`);
        if (seen > wanted && ++doubledCount <= SHOWN) doubled.push(`'${server.record(n)}'`);
      }
    }
    return [
      ...(lostCount === 0
        ? []
        : [`${lostCount} lost: ${lost.join(', ')}${lostCount > SHOWN ? ' …' : ''}`]),
      ...(doubledCount === 0
        ? []
        : [`${doubledCount} too often: ${doubled.join(', ')}${doubledCount > SHOWN ? ' …' : ''}`]),
    ];
  }

  #wrongCounts(
    served: ReadonlyMap<NumberedServer, number>,
    without: readonly string[] = [],
  ): string[] {
    const wanted = new Map<string, number>();
    for (const [server, count] of served)
      for (const [key, n] of server.countsUpTo(count)) wanted.set(`${server.name}${key}`, n);
    for (const text of without) {
      const key = text.split(' ', 1)[0]!;
      wanted.set(key, wanted.get(key)! - 1);
    }
    const wrong = [...new Set([...wanted.keys(), ...this.#counts.keys()])].filter(
      (key) => (wanted.get(key) ?? 0) !== (this.#counts.get(key) ?? 0),
    );
    const told = wrong
      .slice(0, SHOWN)
      .map((key) => `${key} is ${this.#counts.get(key) ?? 0} instead of ${wanted.get(key) ?? 0}`);
    return wrong.length === 0 ? [] : [`${wrong.length} counts are wrong: ${told.join(', ')}`];
  }
}
