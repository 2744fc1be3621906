/**
 * Free slots, the lowest first. Which slot a new key gets then depends on the slots in use alone, not on what happened
 * before: a state that was restored goes on exactly as the one that was lost. Used by one thread.
 */
export class SlotHeap {
  #slots: number[] = [];

  get size(): number {
    return this.#slots.length;
  }

  /** Adds slots that ascend, to an empty heap. */
  fill(slots: number[]): void {
    this.#slots = slots;
  }

  push(slot: number): void {
    const slots = this.#slots;
    let at = slots.length;
    slots.push(slot);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (slots[parent]! <= slot) break;
      slots[at] = slots[parent]!;
      at = parent;
    }
    slots[at] = slot;
  }

  /** Takes the lowest. There must be one. */
  pop(): number {
    const slots = this.#slots;
    const lowest = slots[0]!;
    const last = slots.pop()!;
    const count = slots.length;
    if (count === 0) return lowest;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= count) break;
      if (child + 1 < count && slots[child + 1]! < slots[child]!) child++;
      if (slots[child]! >= last) break;
      slots[at] = slots[child]!;
      at = child;
    }
    slots[at] = last;
    return lowest;
  }
}
