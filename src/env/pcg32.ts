/**
 * PCG32 (O'Neill, XSH-RR 64/32): the simulator's chance. Small, fast, and the same everywhere, so a
 * seed names one run for ever. The 64-bit state is held in two 32-bit halves: BigInt is ten times
 * slower, and the simulator draws for every step.
 */
const MULTIPLIER_HIGH = 0x5851f42d;
const MULTIPLIER_LOW = 0x4c957f2d;

export class Pcg32 {
  #high = 0;
  #low = 0;
  #incrementHigh: number;
  #incrementLow: number;

  /**
   * @param seed   a whole number; the lower 53 bits count
   * @param stream seeds with different streams never meet. @default 0
   */
  constructor(seed: number, stream = 0) {
    this.#incrementHigh = Math.floor(stream / 2 ** 31) >>> 0;
    this.#incrementLow = ((stream << 1) | 1) >>> 0;
    this.#step();
    this.#add(Math.floor(seed / 2 ** 32) >>> 0, seed >>> 0);
    this.#step();
  }

  /** The next 32 bits, as a whole number from 0. */
  next(): number {
    const high = this.#high;
    const low = this.#low;
    this.#step();
    // ((state >> 18) ^ state) >> 27, of which the lower 32 bits count.
    const mixedHigh = (high ^ (high >>> 18)) >>> 0;
    const mixedLow = (low ^ ((high << 14) | (low >>> 18))) >>> 0;
    const mixed = ((mixedHigh << 5) | (mixedLow >>> 27)) >>> 0;
    const turn = high >>> 27;
    return ((mixed >>> turn) | (mixed << (-turn & 31))) >>> 0;
  }

  /** A number in [0, 1), in steps of 2^-32. */
  float(): number {
    return this.next() / 2 ** 32;
  }

  /** A whole number in [0, bound). */
  below(bound: number): number {
    return Math.floor(this.float() * bound);
  }

  /** state = state * multiplier + increment, modulo 2^64. */
  #step(): void {
    const low = this.#low;
    const high = this.#high;
    const productHigh =
      (highProduct(low, MULTIPLIER_LOW) +
        Math.imul(low, MULTIPLIER_HIGH) +
        Math.imul(high, MULTIPLIER_LOW)) >>>
      0;
    this.#low = Math.imul(low, MULTIPLIER_LOW) >>> 0;
    this.#high = productHigh;
    this.#add(this.#incrementHigh, this.#incrementLow);
  }

  #add(high: number, low: number): void {
    const sum = this.#low + low;
    this.#high = (this.#high + high + (sum >= 2 ** 32 ? 1 : 0)) >>> 0;
    this.#low = sum >>> 0;
  }
}

/** The upper half of the product of two 32-bit numbers, from four products of 16 bits. */
function highProduct(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const rest = (middle & 0xffff) + a0 * b1;
  return (a1 * b1 + Math.floor(middle / 2 ** 16) + Math.floor(rest / 2 ** 16)) >>> 0;
}
