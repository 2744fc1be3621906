// What the n-th frame of a litmus run holds: a function of n, so every thread can tell what is wrong.

function hash(n) {
  let h = Math.imul(n ^ 0x9e3779b9, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Bytes of payload of the n-th frame of a ring: as a rule small, sometimes thousands. */
export function lengthOf(n) {
  const h = hash(n);
  return 8 + (h % 16 === 0 ? h % 3000 : h % 300);
}

const scratch = new Uint8Array(4096);
const words = new Uint32Array(scratch.buffer);

export function payloadOf(n) {
  const length = lengthOf(n);
  words.fill(hash(n + 1), 0, (length + 3) >> 2);
  words[0] = n;
  return scratch.subarray(0, length);
}

/** What is wrong with the n-th frame, if anything is. */
export function problemIn(n, bytes) {
  if (bytes.length < 8) return `frame ${n} has ${bytes.length} bytes`;
  const found = bytes[0] | (bytes[1] << 8) | (bytes[2] << 16) | (bytes[3] << 24);
  if (found !== n) return `frame ${found} where ${n} was to come`;
  if (bytes.length !== lengthOf(n))
    return `frame ${n} has ${bytes.length} bytes instead of ${lengthOf(n)}`;
  const pattern = hash(n + 1);
  for (let i = 4; i < bytes.length; i++) {
    if (bytes[i] !== ((pattern >>> ((i & 3) * 8)) & 0xff)) return `frame ${n} is torn at byte ${i}`;
  }
  return undefined;
}

/** The n-th block of a receiver edge: one line. One in 20 is so long that it travels in fragments. */
export function blockOf(n) {
  const h = hash(n);
  const length = h % 20 === 0 ? 270_000 + (h % 100_000) : 20 + (h % 4000);
  const block = Buffer.alloc(length, 97 + (h % 26));
  block.write(`${n}:`, 0, 'latin1');
  block[length - 1] = 10;
  return block;
}
