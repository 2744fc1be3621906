/**
 * The hash that decides the partition of a text key: `hash % partitions`.
 *
 * It is MurmurHash3 (x86, 32 bits, seed 0) of the key's UTF-8 bytes. Byte kernels compute it in
 * WebAssembly (assembly/word.ts), closures from a string, and a key must come to the same
 * partition by either way. Pure functions, any thread.
 *
 * I1  hashString(s) = hashBytes(UTF-8 of s) = the kernel's. A lone surrogate counts as U+FFFD, as
 *     it does when it is encoded.
 * I2  The hash is no secret: who chooses the keys can send them all to one partition.
 */
const C1 = 0xcc9e2d51;
const C2 = 0x1b873593;

/** The hash of bytes `from` to `to`, as an unsigned 32-bit number. */
export function hashBytes(bytes: Uint8Array, from = 0, to: number = bytes.length): number {
  let hash = 0;
  let at = from;
  for (; at + 4 <= to; at += 4) {
    hash = step(
      hash,
      bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24),
    );
  }
  let rest = 0;
  for (let shift = 0; at < to; at++, shift += 8) rest |= bytes[at]! << shift;
  return finish(hash, rest, to - from);
}

/** The hash of a string's UTF-8 bytes. Nothing is encoded as long as it is ASCII. */
export function hashString(text: string): number {
  const length = text.length;
  let hash = 0;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    const a = text.charCodeAt(at);
    const b = text.charCodeAt(at + 1);
    const c = text.charCodeAt(at + 2);
    const d = text.charCodeAt(at + 3);
    if ((a | b | c | d) > 127) return hashBytes(Buffer.from(text));
    hash = step(hash, a | (b << 8) | (c << 16) | (d << 24));
  }
  let rest = 0;
  for (let shift = 0; at < length; at++, shift += 8) {
    const code = text.charCodeAt(at);
    if (code > 127) return hashBytes(Buffer.from(text));
    rest |= code << shift;
  }
  return finish(hash, rest, length);
}

function step(hash: number, block: number): number {
  const h = hash ^ mixed(block);
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}

function mixed(block: number): number {
  const k = Math.imul(block, C1);
  return Math.imul((k << 15) | (k >>> 17), C2);
}

function finish(hash: number, rest: number, length: number): number {
  let h = hash ^ mixed(rest) ^ length;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
