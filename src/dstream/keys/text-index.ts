/**
 * Finds the slot of a text among many: what a `Map` does, in half the time for the short texts that keys are.
 *
 * A `Map` computes the hash of each freshly made string in a call of its own, and then follows pointers to a string to
 * compare with. Here a text of up to 12 characters below 256 is packed into three integers while it is read. They are
 * the text, so comparing them is exact, and they lie beside the slot in one cache line: no string is touched.
 *
 *   entry = characters 0-3, 4-7, 8-11 (a byte each, 0 behind the end), slot + 1 (0: free)
 *
 * Used within one task, by its thread only.
 *
 * I1  A text with a character 0, one above 255, or more than 12 of them is in a `Map` instead. So packing loses
 *     nothing: where a packed text ends is where its zeros begin.
 * I2  At most half of the entries are in use. A search ends at the first free one, or after MAX_PROBES: a text that
 *     would lie further away is in the `Map` too. Whoever sends us keys made to collide gains nothing by it.
 * I3  While the `Map` has such a text, a search that ends at a free entry looks there too: the entries that were in its
 *     way may have gone.
 */
const PACKED_LENGTH = 12;
/** Words of an entry. */
const ENTRY = 4;
const FIRST_ENTRIES = 1024;
/** By chance a table of millions has no run that long. */
const MAX_PROBES = 256;
/** Larger tables shrink when a batch leaves them nearly empty. */
const LARGE_ENTRIES = 65_536;

export class TextIndex {
  #entries: Int32Array = new Int32Array(FIRST_ENTRIES * ENTRY);
  /** Entries less one: a power of two less one. */
  #mask: number = FIRST_ENTRIES - 1;
  #used = 0;
  #others: Map<string, number> = new Map();
  /** Texts that could be packed but lie in the `Map` (I3). */
  #far = 0;
  /** The packed text that was last looked for in vain, the place for it, and its words; until the next `add`. */
  #missed: string | undefined = undefined;
  #missedAt = 0;
  #a = 0;
  #b = 0;
  #c = 0;

  /** The slot of a text, or -1. */
  find(text: string): number {
    const length = text.length;
    if (length <= PACKED_LENGTH) {
      let a = 0;
      let b = 0;
      let c = 0;
      // Negative or above 255 as soon as one character is 0 or above 255 (I1).
      let seen = 0;
      let i = 0;
      const first = length < 4 ? length : 4;
      for (; i < first; i++) {
        const code = text.charCodeAt(i);
        seen |= code | (code - 1);
        a |= code << (i << 3);
      }
      if (length > 4) {
        const second = length < 8 ? length : 8;
        // A shift takes its distance modulo 32, so characters 4 and 8 begin at bit 0 again.
        for (; i < second; i++) {
          const code = text.charCodeAt(i);
          seen |= code | (code - 1);
          b |= code << (i << 3);
        }
        for (; i < length; i++) {
          const code = text.charCodeAt(i);
          seen |= code | (code - 1);
          c |= code << (i << 3);
        }
      }
      if ((seen & ~255) === 0) {
        const entries = this.#entries;
        const mask = this.#mask;
        let entry = place(a, b, c) & mask;
        for (let probe = 0; probe < MAX_PROBES; probe++) {
          const at = entry << 2;
          const slot = entries[at + 3]!;
          if (slot === 0) {
            this.#missed = text;
            this.#missedAt = at;
            this.#a = a;
            this.#b = b;
            this.#c = c;
            return this.#far === 0 ? -1 : (this.#others.get(text) ?? -1);
          }
          if (entries[at] === a && entries[at + 1] === b && entries[at + 2] === c) return slot - 1;
          entry = (entry + 1) & mask;
        }
      }
    }
    return this.#others.get(text) ?? -1;
  }

  /** Adds a text that is not there. Right after it was looked for in vain, half of the work is done. */
  add(text: string, slot: number): void {
    const missed = this.#missed;
    this.#missed = undefined;
    // Full (I2): the place that was found goes with the old entries.
    if (text === missed && (this.#used + 1) * 2 <= this.#mask) {
      const entries = this.#entries;
      const at = this.#missedAt;
      entries[at] = this.#a;
      entries[at + 1] = this.#b;
      entries[at + 2] = this.#c;
      entries[at + 3] = slot + 1;
      this.#used++;
      return;
    }
    const words = packed(text);
    if (words === undefined) {
      this.#others.set(text, slot);
      return;
    }
    if ((this.#used + 1) * 2 > this.#mask) this.#resize((this.#mask + 1) * 2);
    this.#put(words[0], words[1], words[2], slot + 1);
  }

  /** Removes a text that is there. */
  remove(text: string): void {
    this.#missed = undefined;
    const words = packed(text);
    if (words === undefined) {
      this.#others.delete(text);
      return;
    }
    const entries = this.#entries;
    const mask = this.#mask;
    let hole = place(words[0], words[1], words[2]) & mask;
    for (let probe = 0; ; probe++) {
      const at = hole << 2;
      if (probe === MAX_PROBES || entries[at + 3] === 0) {
        if (this.#others.delete(text)) this.#far--;
        return;
      }
      if (entries[at] === words[0] && entries[at + 1] === words[1] && entries[at + 2] === words[2])
        break;
      hole = (hole + 1) & mask;
    }
    // What lies behind moves up, so that no search ends too early.
    for (let next = (hole + 1) & mask; entries[(next << 2) + 3] !== 0; next = (next + 1) & mask) {
      const from = next << 2;
      const home = place(entries[from]!, entries[from + 1]!, entries[from + 2]!) & mask;
      if (((next - home) & mask) < ((next - hole) & mask)) continue;
      entries.copyWithin(hole << 2, from, from + ENTRY);
      hole = next;
    }
    entries.fill(0, hole << 2, (hole << 2) + ENTRY);
    this.#used--;
  }

  /** So many texts are about to be added: it grows once. */
  expect(count: number): void {
    let entries = this.#mask + 1;
    while (count * 2 > entries - 1) entries *= 2;
    if (entries > this.#mask + 1) this.#resize(entries);
  }

  clear(): void {
    this.#missed = undefined;
    const entries = this.#mask + 1;
    if (entries >= LARGE_ENTRIES && this.#used * 32 < entries) {
      this.#entries = new Int32Array(FIRST_ENTRIES * ENTRY);
      this.#mask = FIRST_ENTRIES - 1;
    } else if (this.#used > 0) this.#entries.fill(0);
    this.#used = 0;
    this.#far = 0;
    if (this.#others.size > 0) this.#others = new Map();
  }

  #resize(count: number): void {
    const old = this.#entries;
    this.#entries = new Int32Array(count * ENTRY);
    this.#mask = count - 1;
    this.#used = 0;
    for (let at = 0; at < old.length; at += ENTRY) {
      if (old[at + 3] !== 0) this.#put(old[at]!, old[at + 1]!, old[at + 2]!, old[at + 3]!);
    }
  }

  #put(a: number, b: number, c: number, slot: number): void {
    const entries = this.#entries;
    const first = place(a, b, c);
    for (let probe = 0; probe < MAX_PROBES; probe++) {
      const at = ((first + probe) & this.#mask) * ENTRY;
      if (entries[at + 3] !== 0) continue;
      entries[at] = a;
      entries[at + 1] = b;
      entries[at + 2] = c;
      entries[at + 3] = slot;
      this.#used++;
      return;
    }
    this.#far++;
    this.#others.set(unpacked([a, b, c]), slot - 1);
  }
}

/** The words of a text, unless it is one that must be in the `Map` (I1). */
function packed(text: string): readonly [number, number, number] | undefined {
  if (text.length > PACKED_LENGTH) return undefined;
  const words: [number, number, number] = [0, 0, 0];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0 || code > 255) return undefined;
    words[i >> 2]! |= code << (i << 3);
  }
  return words;
}

function unpacked(words: readonly number[]): string {
  let text = '';
  for (const word of words) {
    for (let shift = 0; shift < 32; shift += 8) {
      const code = (word >>> shift) & 255;
      if (code !== 0) text += String.fromCharCode(code);
    }
  }
  return text;
}

function place(a: number, b: number, c: number): number {
  const hash = Math.imul(a ^ Math.imul(b, 0x85ebca6b) ^ Math.imul(c, 0x27d4eb2f), 0x9e3779b1);
  return hash ^ (hash >>> 15);
}
