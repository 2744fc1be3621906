/**
 * One scenario of `verifySink` on its way: its bench, the records that it gives, and what the target must show of them.
 * Used in the calling thread.
 */
import type { Delivery, SinkSpec } from '../../plan/sink.ts';
import type { FillingDisk } from './filling-disk.ts';
import { Hangs, type SinkBench } from './sink-bench.ts';
import { recordKey, type SinkFindingKind, tally, targetDifferences } from './sink-findings.ts';

export interface SceneOptions {
  readonly spec: SinkSpec<unknown>;
  readonly delivery: Delivery;
  readonly title: string;
  readonly bench: SinkBench;
  readonly disk: FillingDisk;
  /** Records that no scenario has given yet. */
  readonly fresh: (count: number) => unknown[];
  readonly read: () => Promise<readonly unknown[]>;
  /** What the target showed before. */
  readonly before: readonly unknown[];
  readonly find: (kind: SinkFindingKind, what: string) => void;
}

export class Scene {
  readonly bench: SinkBench;
  readonly disk: FillingDisk;
  readonly fresh: (count: number) => unknown[];
  readonly delivery: Delivery;
  deaths = 0;
  readonly #options: SceneOptions;
  readonly #before: ReadonlyMap<string, number>;

  constructor(options: SceneOptions) {
    this.#options = options;
    this.bench = options.bench;
    this.disk = options.disk;
    this.fresh = options.fresh;
    this.delivery = options.delivery;
    this.#before = tally(options.before);
  }

  /** New records, given to the instances in turn. */
  async give(count: number): Promise<unknown[]> {
    const records = this.fresh(count);
    await this.bench.give(records);
    return records;
  }

  /** All instances die; their successors begin, and have committed what counts. */
  async dies(how: 'thread' | 'process'): Promise<void> {
    this.deaths++;
    this.bench.die();
    this.bench.start(how);
    for (const instance of this.bench.instances) await instance.settled(instance.restarted);
  }

  /** The event loop turns. */
  async turn(times = 20): Promise<void> {
    const [first] = this.bench.instances;
    for (let n = 0; n < times; n++) await first!.settled(Promise.resolve());
  }

  /** What the target shows of this scenario. */
  async seen(): Promise<readonly unknown[]> {
    const before = new Map(this.#before);
    const rows = await this.#options.read();
    return rows.filter((row) => {
      const key = recordKey(row);
      const count = before.get(key) ?? 0;
      if (count > 0) before.set(key, count - 1);
      return count === 0;
    });
  }

  /** These records must be there, once as far as its kind promises that, and no others. */
  async shows(records: readonly unknown[]): Promise<void> {
    const differences = targetDifferences(records, await this.seen(), this.delivery === 'plain');
    for (const { kind, what } of differences) this.#options.find(kind, what);
  }

  /** A transactional sink must not show these yet. */
  async showsNone(records: readonly unknown[], why: string): Promise<void> {
    if (this.delivery !== 'transactional') return;
    const early = new Set(records.map(recordKey));
    const count = (await this.seen()).filter((row) => early.has(recordKey(row))).length;
    if (count > 0)
      this.find('early', `${count} of ${records.length} records show, although ${why}`);
  }

  find(kind: SinkFindingKind, what: string): void {
    this.#options.find(kind, what);
  }

  /** Runs it; what is thrown on the way is a finding. */
  async run(act: (scene: Scene) => Promise<void>): Promise<void> {
    try {
      this.bench.start('first');
      await act(this);
    } catch (error) {
      const said = error instanceof Error ? error.message : String(error);
      this.find(error instanceof Hangs ? 'hangs' : 'throws', said);
    } finally {
      this.bench.close();
    }
  }
}
