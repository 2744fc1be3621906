/**
 * Slots that wait for a time, in buckets of time. Only the earliest time of a slot is noted; whoever takes it looks what
 * is to be done and says when to look again. So a time that moves on (a session that grows) costs nothing until then.
 *
 * Used by one task, on its thread. Nothing here is state: it is made of what is.
 */
export class DueSlots {
  readonly #bucketMs: number;
  readonly #buckets: Map<number, number[]> = new Map();
  /** By slot: the bucket in which it waits. */
  #waits: Float64Array = new Float64Array(64).fill(Infinity);
  #least = Infinity;

  constructor(bucketMs: number) {
    this.#bucketMs = Math.max(1, Math.floor(bucketMs));
  }

  /** Looks at the slot at that time, or before. */
  wait(slot: number, timeMs: number): void {
    const bucket = Math.floor(timeMs / this.#bucketMs);
    if (slot >= this.#waits.length) this.#grow(slot);
    if (this.#waits[slot]! <= bucket) return;
    this.#waits[slot] = bucket;
    const slots = this.#buckets.get(bucket);
    if (slots === undefined) this.#buckets.set(bucket, [slot]);
    else slots.push(slot);
    if (bucket < this.#least) this.#least = bucket;
  }

  /** Takes all slots whose time has come, and perhaps some shortly before. */
  take(nowMs: number): readonly number[] {
    const now = Math.floor(nowMs / this.#bucketMs);
    if (now < this.#least) return [];
    const taken: number[] = [];
    this.#least = Infinity;
    for (const [bucket, slots] of this.#buckets) {
      if (bucket > now) {
        if (bucket < this.#least) this.#least = bucket;
        continue;
      }
      this.#buckets.delete(bucket);
      for (const slot of slots) {
        // A slot that was noted for an earlier time since was taken there.
        if (this.#waits[slot] !== bucket) continue;
        this.#waits[slot] = Infinity;
        taken.push(slot);
      }
    }
    return taken;
  }

  #grow(slot: number): void {
    const waits = new Float64Array(Math.max(slot + 1, this.#waits.length * 2)).fill(Infinity);
    waits.set(this.#waits);
    this.#waits = waits;
  }
}
