// The word count over bytes that plain JavaScript can do: what the WebAssembly kernel is measured against.
//
// Four bytes at a time are looked at for white space, a word of up to 16 bytes is four integers in a
// slot of eight, and the table has as many slots as the kernel's. No string is made but for longer words.
// Exact, as the kernel is; only the table can't grow.
const BITS = 17;
const SLOTS = 1 << BITS;
const LENGTH = 4;
const COUNT = 5;

/** Bytes from the lowest that is a space or less, in an integer that has such a byte: 0 … 3. */
const firstLow = (marks) => (31 - Math.clz32(marks & -marks)) >>> 3;
const lows = (four) => (four - 0x21212121) & ~four & 0x80808080;
const isSpace = (byte) => byte === 32 || (byte >= 9 && byte <= 13);

export class ByteLoop {
  slots = new Int32Array(SLOTS * 8);
  long = new Map();
  size = 0;

  /** Takes bytes `at` to `end` of the view, the last of which is \n; 16 bytes more must be there. */
  block(view, bytes, at, end) {
    const slots = this.slots;
    let lines = 0;
    while (at < end) {
      let a = view.getInt32(at, true);
      let b = 0;
      let c = 0;
      let d = 0;
      let stop = at;
      let marks = lows(a);
      if (marks !== 0) {
        const n = firstLow(marks);
        stop += n;
        a &= (1 << (n << 3)) - 1;
      } else {
        b = view.getInt32(at + 4, true);
        marks = lows(b);
        if (marks !== 0) {
          const n = firstLow(marks);
          stop += 4 + n;
          b &= (1 << (n << 3)) - 1;
        } else {
          c = view.getInt32(at + 8, true);
          marks = lows(c);
          if (marks !== 0) {
            const n = firstLow(marks);
            stop += 8 + n;
            c &= (1 << (n << 3)) - 1;
          } else {
            d = view.getInt32(at + 12, true);
            marks = lows(d);
            if (marks !== 0) {
              const n = firstLow(marks);
              stop += 12 + n;
              d &= (1 << (n << 3)) - 1;
            } else {
              stop = this.#longWord(bytes, at);
              if (bytes[stop] === 10) lines++;
              at = stop + 1;
              continue;
            }
          }
        }
      }
      const byte = bytes[stop];
      if (!isSpace(byte)) {
        stop = this.#longWord(bytes, at);
      } else if (stop !== at) {
        const length = stop - at;
        let hash = Math.imul(a, 0x9e3779b1) + Math.imul(b, 0x85ebca77);
        hash += Math.imul(c, 0xc2b2ae3d) + Math.imul(d, 0x27d4eb2f);
        let slot = (Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> (32 - BITS)) << 3;
        while (
          slots[slot + LENGTH] !== length ||
          slots[slot] !== a ||
          slots[slot + 1] !== b ||
          slots[slot + 2] !== c ||
          slots[slot + 3] !== d
        ) {
          if (slots[slot + LENGTH] === 0) {
            slots[slot] = a;
            slots[slot + 1] = b;
            slots[slot + 2] = c;
            slots[slot + 3] = d;
            slots[slot + LENGTH] = length;
            this.size++;
            break;
          }
          slot = (slot + 8) & (SLOTS * 8 - 1);
        }
        slots[slot + COUNT]++;
      }
      if (bytes[stop] === 10) lines++;
      at = stop + 1;
    }
    return lines;
  }

  /** A word that is longer than 16 bytes or has a control character in it. */
  #longWord(bytes, at) {
    let stop = at;
    while (!isSpace(bytes[stop])) stop++;
    const word = bytes.latin1Slice(at, stop);
    const count = this.long.get(word);
    if (count === undefined) this.size++;
    this.long.set(word, (count ?? 0) + 1);
    return stop;
  }

  clear() {
    this.slots.fill(0);
    this.long.clear();
    this.size = 0;
  }
}
