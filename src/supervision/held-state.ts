/**
 * What a region goes back to, and the files that belong to it. Belongs to the coordinator.
 *
 *   barrier n is held ─▶ index ─▶ BASE ─▶ files that only older points need are removed ─▶ files of sinks get their names
 *
 * I1  The index is written first: it decides, the rest follows, and a successor does what is left of it.
 * I2  Whoever was replaced writes nothing: the fence is looked at before the index, and again before BASE.
 */
import type { Barrier } from '../actors/block.ts';
import { epochOfHandOver } from '../actors/hand-over-file.ts';
import type { Disk } from '../env/env.ts';
import type { BarrierEntry } from './barrier-ledger.ts';
import { HeldIndex, startPoint, type HeldPoint } from './held-index.ts';

export interface HeldStateOptions {
  readonly disk: Disk;
  readonly directory: string;
  readonly tasks: number;
  readonly setBase: (edge: number, offset: number) => void;
  /** Throws when somebody else decides. */
  readonly checkFence: () => void;
}

/** What a point has beside the hand-overs of its tasks. */
export type PointDetails = Pick<HeldPoint, 'batchStart' | 'records' | 'inputs' | 'poison'>;

export class HeldState {
  readonly #options: HeldStateOptions;
  readonly #index: HeldIndex;
  #point: HeldPoint;
  /** Hand-overs of dead epochs may lie about. */
  #sweepDue = false;

  constructor(options: HeldStateOptions) {
    this.#options = options;
    this.#index = new HeldIndex(options.disk, options.directory);
    this.#point = startPoint(options.tasks);
  }

  get point(): HeldPoint {
    return this.#point;
  }

  /** The job begins. */
  begin(): void {
    this.#index.write(this.#point);
  }

  /** Goes on for a coordinator that died, and does what that left undone. */
  takeOver(): HeldPoint {
    this.#point = this.#index.read();
    for (const [edge, offset] of this.#point.offsets) this.#options.setBase(edge, offset);
    this.#publish();
    return this.#point;
  }

  /** An epoch begins: what older ones left is removed once all of its tasks have started. */
  epochBegins(): void {
    this.#sweepDue = true;
  }

  /** The batch that begins behind that barrier is passed over. */
  skip(start: number): void {
    this.#change({ skip: [...this.#point.skip, start] });
  }

  passOver(poison: NonNullable<HeldPoint['poison']>): void {
    this.#change({ poison });
  }

  /** A recovery point is held. */
  advance(barrier: Barrier, { taken }: BarrierEntry, epoch: number, details: PointDetails): void {
    const { disk, setBase, checkFence } = this.#options;
    const offsets: (readonly [number, number])[] = [];
    const obsolete: string[] = [];
    const publish = [...taken.values()].flatMap(({ handOver }) => handOver?.publish ?? []);
    const parts = this.#point.parts.map((before, task) => {
      const { handOver, offsets: own } = taken.get(task)!;
      offsets.push(...own);
      if (handOver?.mode === 'keep') return before;
      if (handOver?.mode === 'append') {
        const drop = handOver.drop ?? 0;
        obsolete.push(...before.slice(0, drop));
        return [...before.slice(drop), handOver.path!];
      }
      obsolete.push(...before);
      return handOver === undefined ? [] : [handOver.path!];
    });
    checkFence();
    this.#point = {
      ...details,
      barrier: barrier.number,
      offsets,
      parts,
      skip: this.#point.skip.filter((start) => start >= details.batchStart),
      ...(publish.length === 0 ? {} : { publish }),
    };
    this.#index.write(this.#point);
    checkFence();
    for (const [edge, offset] of offsets) setBase(edge, offset);
    for (const path of obsolete) disk.remove(path);
    this.#publish();
    if (this.#sweepDue) this.#sweep(epoch);
  }

  #change(change: Partial<HeldPoint>): void {
    this.#options.checkFence();
    this.#point = { ...this.#point, ...change };
    this.#index.write(this.#point);
  }

  /**
   * Files of transactional sinks get their names. That the point is in the index decided it, so a successor does what is
   * left of it, before any sink of a later epoch looks for what nobody needs.
   */
  #publish(): void {
    for (const { from, to } of this.#point.publish ?? []) {
      try {
        this.#options.disk.rename(from, to);
      } catch (error) {
        // An earlier coordinator may have done it.
        if ((error as { code?: unknown }).code !== 'ENOENT') throw error;
      }
    }
  }

  /**
   * Removes what dead epochs left: tasks that died or were stopped between a hand-over and its report, and a coordinator
   * that died before it removed what was obsolete. All tasks of this epoch have started by now, so no survivor still
   * writes for an older one.
   */
  #sweep(now: number): void {
    const { disk, directory } = this.#options;
    this.#sweepDue = false;
    const needed = new Set(this.#point.parts.flat());
    for (const name of disk.list(directory)) {
      const epoch = epochOfHandOver(name);
      const path = `${directory}/${name}`;
      if (epoch !== undefined && epoch < now && !needed.has(path)) disk.remove(path);
    }
  }
}
