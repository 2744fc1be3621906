/**
 * Finds the slots that have been idle for long, without a look at the others.
 *
 * Times are batch times, so they only grow. Each slot lies in the bucket of some time at which it was touched; a later
 * touch moves nothing. When a bucket is due, its slots are looked at: what was touched since goes to the bucket of that
 * time, what was not has expired. So a slot is looked at once in the time that it may be idle, at most.
 *
 *   due at 5 ──▶ [3] a b   [5] c   [8] d        a was touched at 8: it goes there; b has expired
 *
 * Used by its task's thread only. What it holds follows from the slots' times, so it needs no cell of its own.
 *
 * I1  A slot has one entry that counts: that in the bucket of `#queuedAt[slot]`. Entries of other buckets are left over
 *     from a key that was removed.
 * I2  Expired slots come in their own order, whatever buckets they lay in.
 */
const NOWHERE = -1;

export class IdleTimers {
  #queuedAt: Float64Array = new Float64Array(1024).fill(NOWHERE);
  readonly #buckets: Map<number, number[]> = new Map();
  /** Times of buckets, ascending from `#head` on. */
  #times: number[] = [];
  #head = 0;

  /** The slot was touched at that time. */
  touch(slot: number, time: number): void {
    if (slot >= this.#queuedAt.length) this.#grow(slot);
    if (this.#queuedAt[slot] === NOWHERE) this.#queue(slot, time);
  }

  /** The slot's key is gone. */
  forget(slot: number): void {
    if (slot < this.#queuedAt.length) this.#queuedAt[slot] = NOWHERE;
  }

  /** Takes the slots that were last touched before that time, as `times` has it; they are forgotten. */
  expire(before: number, times: Float64Array): Uint32Array {
    const expired: number[] = [];
    while (this.#head < this.#times.length && this.#times[this.#head]! < before) {
      const bucketTime = this.#times[this.#head++]!;
      const slots = this.#buckets.get(bucketTime)!;
      this.#buckets.delete(bucketTime);
      for (const slot of slots) {
        if (this.#queuedAt[slot] !== bucketTime) continue;
        this.#queuedAt[slot] = NOWHERE;
        if (times[slot]! < before) expired.push(slot);
        else this.#queue(slot, times[slot]!);
      }
    }
    if (this.#head > 1024) {
      this.#times = this.#times.slice(this.#head);
      this.#head = 0;
    }
    return Uint32Array.from(expired).sort();
  }

  #queue(slot: number, time: number): void {
    this.#queuedAt[slot] = time;
    const bucket = this.#buckets.get(time);
    if (bucket !== undefined) {
      bucket.push(slot);
      return;
    }
    this.#buckets.set(time, [slot]);
    // Nearly always it is the newest.
    let at = this.#times.length;
    while (at > this.#head && this.#times[at - 1]! > time) at--;
    this.#times.splice(at, 0, time);
  }

  #grow(slot: number): void {
    const queuedAt = new Float64Array(Math.max(slot + 1, this.#queuedAt.length * 2)).fill(NOWHERE);
    queuedAt.set(this.#queuedAt);
    this.#queuedAt = queuedAt;
  }
}
