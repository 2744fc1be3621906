/**
 * What befalls the disk of a simulated process, and the process at the disk: it is slow, full or broken for a while, and
 * the process dies before an operation, or inside a write.
 */
import type { MemoryDisk, DiskOperation } from '../../env/memory-disk.ts';
import type { Pcg32 } from '../../env/pcg32.ts';
import type { VirtualClock } from '../../env/virtual-clock.ts';
import { noSpace } from './sim-thread-disk.ts';
import type { DiskTrouble } from './sim-thread.ts';
import type { ProcessDeath } from './striker.ts';

/** Operations that need room. */
const GROWING: ReadonlySet<DiskOperation> = new Set([
  'write',
  'append',
  'open',
  'makeDirectory',
  'link',
]);
/** A sync takes up to so long, in virtual ms. */
const SYNC_MS = 4;
const SLOW_SYNC_MS = 400;

export interface DiskWeatherOptions {
  readonly disk: MemoryDisk;
  readonly clock: VirtualClock;
  readonly chance: Pcg32;
  /** A promise is about to be settled. */
  readonly stir: () => void;
  /** The process dies now. */
  readonly die: (death: ProcessDeath, why: string) => void;
}

export class DiskWeather {
  readonly #options: DiskWeatherOptions;
  /** Operations so far that change something, or sync it. */
  operations = 0;
  /** Until then, in virtual time. */
  #fullUntil = 0;
  #slowUntil = 0;
  #failingSyncs = 0;
  /** The process dies at so many operations from now. */
  #death: { readonly of: ProcessDeath; left: number } | undefined;

  constructor(options: DiskWeatherOptions) {
    this.#options = options;
    const { disk, clock, chance } = options;
    disk.chance = chance;
    disk.slow = () =>
      new Promise((resolve) => {
        const ms = chance.below(clock.monotonic() < this.#slowUntil ? SLOW_SYNC_MS : SYNC_MS);
        clock.after(ms, () => {
          options.stir();
          resolve(this.#syncFails() ? broken() : undefined);
        });
      });
  }

  full(ms: number): void {
    this.#fullUntil = this.#options.clock.monotonic() + ms;
  }

  slow(ms: number): void {
    this.#slowUntil = this.#options.clock.monotonic() + ms;
  }

  failSyncs(times: number): void {
    this.#failingSyncs = times;
  }

  /** @param operations so many are done before */
  dieAt(operations: number, death: ProcessDeath): void {
    this.#death = { of: death, left: operations };
  }

  /** Nothing more goes wrong but the deaths that wait for their operations. */
  calm(): void {
    this.#fullUntil = 0;
    this.#slowUntil = 0;
    this.#failingSyncs = 0;
  }

  /** The job is done: the process dies of nothing any more. */
  disarm(): void {
    this.#death = undefined;
  }

  get isFull(): boolean {
    return this.#options.clock.monotonic() < this.#fullUntil;
  }

  /** Before an operation of a thread that lives. */
  before(operation: DiskOperation, path: string, byteLength: number): DiskTrouble | undefined {
    const { chance, die } = this.#options;
    this.operations++;
    const death = this.#death;
    if (death !== undefined && death.left-- === 0) {
      this.#death = undefined;
      const why = `at ${operation} of ${path}`;
      return {
        written: chance.below(byteLength + 1),
        error: new Error(why),
        behind: () => die(death.of, why),
      };
    }
    if (!this.isFull || !GROWING.has(operation)) return undefined;
    return { written: chance.below(byteLength), error: noSpace(path) };
  }

  #syncFails(): boolean {
    return this.#failingSyncs > 0 && this.#failingSyncs-- > 0;
  }
}

function broken(): Error {
  return Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO' });
}
