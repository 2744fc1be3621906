/**
 * What a region goes back to. Belongs to the coordinator.
 *
 *   barrier n is held ─▶ index ─▶ BASE ─▶ durability: files of sinks get their names, what only older points need goes
 *
 * I1  The index is written first: it decides, the rest follows, and a successor does what is left of it.
 * I2  Whoever was replaced writes nothing: the fence is looked at before the index, and again before BASE.
 * I3  What is to be passed over is in the index, and durable, before any task begins by it (`isSettled`). A disk that refuses
 *     is asked again until then.
 */
import type { Barrier } from '../actors/block.ts';
import { epochOfHandOver } from '../actors/hand-over-file.ts';
import { mayPass, type Trouble } from '../actors/trouble.ts';
import type { Env, Timer } from '../env/env.ts';
import type { BarrierEntry } from './barrier-ledger.ts';
import type { Durability } from './checkpoint/durability.ts';
import { HeldIndex, startPoint, type HeldPoint } from './held-index.ts';

export interface HeldStateOptions {
  readonly env: Env;
  readonly directory: string;
  /** Which coordinator it belongs to. */
  readonly incarnation: number;
  readonly tasks: number;
  /** Where the process goes on. @default the start of the job */
  readonly start?: HeldPoint | undefined;
  readonly durability: Durability;
  readonly trouble: Trouble;
  readonly setBase: (edge: number, offset: number) => void;
  /** Throws when somebody else decides. */
  readonly checkFence: () => void;
  /** A point is held, and BASE there. */
  readonly moved: (barrier: number) => void;
  /** `isSettled` has become true. */
  readonly settled: () => void;
}

/** What a point has beside the hand-overs of its tasks. */
export type PointDetails = Pick<HeldPoint, 'batchStart' | 'records' | 'inputs' | 'poison'>;

export class HeldState {
  readonly #options: HeldStateOptions;
  readonly #index: HeldIndex;
  #point: HeldPoint;
  /** Hand-overs of dead epochs may lie about. */
  #sweepDue = false;
  /** Changes that are not durable. */
  #unsettled = 0;
  /** What is to be done when the index has them. */
  #unwritten: (() => void)[] = [];
  #timer: Timer | undefined;

  constructor(options: HeldStateOptions) {
    this.#options = options;
    this.#index = new HeldIndex(options.env.disk, options.directory, options.incarnation);
    this.#point = options.start ?? startPoint(options.tasks);
  }

  get point(): HeldPoint {
    return this.#point;
  }

  /** Tasks may begin by the point. */
  get isSettled(): boolean {
    return this.#unsettled === 0;
  }

  /**
   * The job begins, or the process.
   * @param epoch newest one that may have begun before
   */
  begin(barrier: Barrier | undefined, epoch: number): void {
    this.#index.clear();
    this.#index.write(this.#point);
    this.#options.durability.begin(this.#point, barrier, epoch, this.#settling());
  }

  /** Goes on for a coordinator that died, and does what that left undone. */
  takeOver(barrierOf: (number: number) => Barrier | undefined, epoch: number): HeldPoint {
    this.#point = this.#index.read();
    for (const [edge, offset] of this.#point.offsets) this.#options.setBase(edge, offset);
    const barrier = barrierOf(this.#point.barrier);
    this.#options.durability.begin(this.#point, barrier, epoch, this.#settling());
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

  /** `then` is called when that is sure. */
  passOver(poison: NonNullable<HeldPoint['poison']>, then: () => void): void {
    this.#change({ poison }, then);
  }

  /** A copy stands for a hand-over file. `then` is called when the index says so. */
  replacePart(from: string, to: string, then: () => void): void {
    const { parts } = this.#point;
    if (!parts.some((own) => own.includes(from))) then();
    else
      this.#change(
        { parts: parts.map((own) => own.map((path) => (path === from ? to : path))) },
        then,
      );
  }

  /**
   * A recovery point is held.
   * @throws what the disk says; then nothing has changed
   */
  advance(barrier: Barrier, { taken }: BarrierEntry, epoch: number, details: PointDetails): void {
    const { setBase, checkFence, durability, moved } = this.#options;
    const offsets: (readonly [number, number])[] = [];
    const obsolete = this.#sweepDue ? this.#deadFiles(epoch) : [];
    const publish = [
      ...durability.unpublished,
      ...[...taken.values()].flatMap(({ handOver }) => handOver?.publish ?? []),
    ];
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
    const point: HeldPoint = {
      ...details,
      barrier: barrier.number,
      offsets,
      parts,
      skip: this.#point.skip.filter((start) => start >= details.batchStart),
      ...(publish.length === 0 ? {} : { publish }),
    };
    checkFence();
    this.#index.write(point);
    this.#point = point;
    this.#written();
    checkFence();
    for (const [edge, offset] of offsets) setBase(edge, offset);
    moved(barrier.number);
    this.#sweepDue = false;
    durability.held(point, barrier, unneeded(obsolete, parts));
  }

  stop(): void {
    this.#timer?.cancel();
    this.#unwritten = [];
  }

  #settling(then?: () => void): () => void {
    this.#unsettled++;
    return () => {
      then?.();
      if (--this.#unsettled === 0) this.#options.settled();
    };
  }

  #change(change: Partial<HeldPoint>, then?: () => void): void {
    this.#point = { ...this.#point, ...change };
    this.#unwritten.push(this.#settling(then));
    this.#write();
  }

  #write(): void {
    const { env, trouble, checkFence } = this.#options;
    this.#timer?.cancel();
    checkFence();
    try {
      this.#index.write(this.#point);
    } catch (error) {
      if (!mayPass(error)) throw error;
      this.#timer = env.clock.after(trouble.failed(error), () => this.#write());
      return;
    }
    trouble.over();
    this.#written();
  }

  #written(): void {
    this.#timer?.cancel();
    for (const then of this.#unwritten.splice(0))
      this.#options.durability.decided(this.#point, then);
  }

  /**
   * What dead epochs left: tasks that died or were stopped between a hand-over and its report, and a coordinator that died
   * before it removed what was obsolete. All tasks of this epoch have started by now, so no survivor still writes for an
   * older one.
   */
  #deadFiles(now: number): string[] {
    const { env, directory } = this.#options;
    return env.disk
      .list(directory)
      .filter((name) => (epochOfHandOver(name) ?? now) < now)
      .map((name) => `${directory}/${name}`);
  }
}

/** A file may be a part of several tasks: a start with other tasks gives each what it needs. */
function unneeded(paths: readonly string[], parts: HeldPoint['parts']): string[] {
  if (paths.length === 0) return [];
  const needed = new Set(parts.flat());
  return paths.filter((path) => !needed.has(path));
}
