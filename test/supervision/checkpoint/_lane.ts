/** The world as one life of a coordinator has it: it may die at any operation of the disk, or be refused there. */
import type { Clock, Disk, Env, OpenFile } from '../../../src/env/env.ts';
import type { SimEnv } from '../../../src/env/sim.ts';

export class Killed extends Error {}

/** What happens at the n-th operation, from 0. */
export interface Fault {
  readonly at: number;
  /** `late`: it stands still right before it, is given up, and goes on when the test says so. */
  readonly how: 'diesBefore' | 'diesAfter' | 'late' | 'ENOSPC' | 'EIO' | 'EDQUOT';
  /** So many operations in turn are refused. @default 1 */
  readonly times?: number;
}

const CHANGES = new Set(['write', 'append', 'rename', 'remove', 'sync']);

export class Lane implements Env {
  dead = false;
  readonly clock: Clock;
  readonly disk: Disk;
  /** Operations so far. */
  operations = 0;
  fault: Fault | undefined;
  onDeath: () => void = () => {};
  /** What it was about to do. */
  late: (() => void) | undefined;
  /** Successful renames, by the new name. */
  readonly renamed: string[] = [];

  constructor({ clock }: SimEnv, disk: Disk) {
    this.clock = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      after: (ms, run) => clock.after(ms, () => this.run(run)),
    };
    const at = <T>(name: string, path: string, act: () => T): T => this.#at(name, path, act);
    this.disk = {
      write: (path, data) => at('write', path, () => disk.write(path, data)),
      append: (path, data) => at('append', path, () => disk.append(path, data)),
      read: (path) => at('read', path, () => disk.read(path)),
      size: (path) => at('size', path, () => disk.size(path)),
      list: (path) => at('list', path, () => disk.list(path)),
      listDirectories: (path) => at('list', path, () => disk.listDirectories(path)),
      rename: (from, to) =>
        at('rename', to, () => {
          disk.rename(from, to);
          this.renamed.push(to);
        }),
      link: (from, to) => at('link', to, () => disk.link(from, to)),
      remove: (path) => at('remove', path, () => disk.remove(path)),
      makeDirectory: (path) => at('makeDirectory', path, () => disk.makeDirectory(path)),
      removeDirectory: (path) => at('removeDirectory', path, () => disk.removeDirectory(path)),
      sync: async (path) => at('sync', path, () => disk.sync(path)),
      open: (path): OpenFile => at('open', path, () => disk.open(path)),
    };
  }

  random(): number {
    return 0.5;
  }

  defer(run: () => void): void {
    this.clock.after(0, run);
  }

  /** Runs its code, unless it is dead; its death in it is the end of it. */
  run(act: () => void): void {
    if (this.dead) return;
    try {
      act();
    } catch (error) {
      if (!this.dead) throw error;
    }
  }

  die(): void {
    if (this.dead) return;
    this.dead = true;
    this.onDeath();
  }

  #at<T>(name: string, path: string, act: () => T): T {
    if (this.dead) throw new Killed();
    const { fault } = this;
    const n = this.operations++;
    if (fault === undefined || n < fault.at || n >= fault.at + (fault.times ?? 1)) return act();
    if (fault.how === 'diesBefore') {
      this.die();
      throw new Killed();
    }
    if (fault.how === 'diesAfter') {
      const result = act();
      // Whoever awaited it is no more.
      if (result instanceof Promise) result.catch(() => {});
      this.die();
      throw new Killed();
    }
    if (!CHANGES.has(name)) return act();
    if (fault.how === 'late' && name !== 'sync') {
      this.late = act;
      this.die();
      throw new Killed();
    }
    if (fault.how === 'late') return act();
    throw Object.assign(new Error(`${fault.how}: ${name} '${path}'`), { code: fault.how });
  }
}
