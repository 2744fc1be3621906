/**
 * A file of a `MemoryDisk`: its bytes as the kernel has them, and, on a disk that can lose power, what of them has
 * reached the disk.
 *
 * I1  What a sync that succeeded covers is there after any crash.
 * I2  What a sync that failed covers may never reach the disk, though it can still be read (as on Linux: the pages count
 *     as clean from then on).
 * I3  Of what nobody synced any part may be there after a crash: none of it, all of it, the first writes and a piece of
 *     the next, writes in another order, and bytes that are zero in a file of the full length.
 */
import type { Pcg32 } from './pcg32.ts';

type Change =
  | { readonly at: number; readonly bytes: Uint8Array }
  /** A new length. */
  | { readonly size: number };

/** Bytes that grow. */
class Content {
  #bytes = new Uint8Array(0);
  size = 0;

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.size);
  }

  apply(change: Change): void {
    if ('size' in change) this.resize(change.size);
    else this.write(change.at, change.bytes);
  }

  write(at: number, bytes: Uint8Array): void {
    if (at + bytes.length > this.size) this.resize(at + bytes.length);
    this.#bytes.set(bytes, at);
  }

  resize(size: number): void {
    if (size > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(size, 2 * this.#bytes.length));
      larger.set(this.bytes);
      this.#bytes = larger;
    } else if (size < this.size) this.#bytes.fill(0, size, this.size);
    this.size = size;
  }
}

export class MemoryFile {
  #kernel = new Content();
  /** Undefined: the disk never loses power. */
  readonly #disk: Content | undefined;
  /** In the order in which they were made. */
  #unsynced: Change[] = [];
  /** How many were made before those. */
  #before = 0;

  /** @param mayCrash whether what is not synced is kept apart */
  constructor(mayCrash: boolean) {
    this.#disk = mayCrash ? new Content() : undefined;
  }

  get size(): number {
    return this.#kernel.size;
  }

  /** A view: whoever keeps it makes a copy. */
  get bytes(): Uint8Array {
    return this.#kernel.bytes;
  }

  write(at: number, bytes: Uint8Array): void {
    this.#change({ at, bytes: this.#disk === undefined ? bytes : bytes.slice() });
  }

  truncate(size: number): void {
    this.#change({ size });
  }

  /** How many changes were made so far: what a sync that begins now covers. */
  get changes(): number {
    return this.#before + this.#unsynced.length;
  }

  /** A sync that covers so many changes has ended well. */
  synced(changes: number): void {
    for (const change of this.#take(changes)) this.#disk?.apply(change);
  }

  /** It has failed: nobody will write them any more, and some have reached the disk. */
  unwritten(changes: number, chance: Pcg32): void {
    const covered = this.#take(changes);
    for (const change of covered.slice(0, chance.below(covered.length + 1)))
      this.#disk?.apply(change);
  }

  /** The power is gone: what is on the disk is all that there is (I3). */
  crash(chance: Pcg32): void {
    const disk = this.#disk!;
    const unsynced = this.#take(this.changes);
    switch (chance.below(4)) {
      case 0:
        break;
      case 1:
        for (const change of unsynced) disk.apply(change);
        break;
      case 2: {
        const whole = chance.below(unsynced.length + 1);
        for (const change of unsynced.slice(0, whole)) disk.apply(change);
        const next = unsynced[whole];
        if (next !== undefined) disk.apply(torn(next, chance));
        break;
      }
      default:
        for (const change of unsynced) if (chance.below(2) === 0) disk.apply(change);
    }
    const left = new Content();
    left.write(0, disk.bytes);
    this.#kernel = left;
  }

  #change(change: Change): void {
    this.#kernel.apply(change);
    if (this.#disk !== undefined) this.#unsynced.push(change);
  }

  #take(changes: number): readonly Change[] {
    const taken = this.#unsynced.splice(0, Math.max(0, changes - this.#before));
    this.#before += taken.length;
    return taken;
  }
}

/** A piece of it, or its length alone. */
function torn(change: Change, chance: Pcg32): Change {
  if ('size' in change) return change;
  const { at, bytes } = change;
  const there = chance.below(bytes.length + 1);
  if (chance.below(2) === 0) return { at, bytes: bytes.subarray(0, there) };
  const zeroed = bytes.slice();
  zeroed.fill(0, there);
  return { at, bytes: zeroed };
}
