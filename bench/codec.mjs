// What does it cost to turn a block into bytes and back?
//
//   node bench/codec.mjs [--runs 9] [--json]
//
// Blocks of 4,096 records, in ns a record, as rings use the codec: encoded into the thread's scratch
// area, decoded out of shared memory. Beside it what one msgpackr call for the same block costs.
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { Packr } from 'msgpackr';
import { decodeColumns, decodeRows, encodeBlock } from '../dist/actors/codec.js';

const { values: flags } = parseArgs({
  options: { runs: { type: 'string', default: '9' }, json: { type: 'boolean', default: false } },
});
const RECORDS = 4096;
const ROUNDS = 60;

// Fresh strings, as a job makes them; one in five is long.
const word = (i) => `w${((i * 7919) % 50_000).toString(36)}${i % 5 === 0 ? 'longerthanmost' : ''}`;
const words = Array.from({ length: RECORDS }, (_, i) => word(i));
const counts = words.map((_, i) => i % 17);
const byteKeys = {
  lengths: Uint32Array.from(words, (each) => each.length),
  bytes: Uint8Array.from(Buffer.from(words.join(''))),
};
const columns = (keys, values) => ({ kind: 'columns', port: 0, count: RECORDS, keys, values });
const rows = (each) => ({ kind: 'rows', port: 0, rows: each });
const blocks = {
  'columns, [string, number]': columns(words, counts),
  'columns, byte keys and counts': columns(byteKeys, Float64Array.from(counts)),
  'columns, strings not ASCII': columns(
    words.map((each) => `${each}é`),
    counts,
  ),
  'columns, keys of mixed types': columns(
    words.map((each, i) => (i === 7 ? 7 : each)),
    counts,
  ),
  'rows, [string, number]': rows(words.map((each, i) => [each, counts[i]])),
  'rows, strings': rows(words),
  'rows, numbers': rows(counts),
  'rows, objects': rows(
    words.map((each, i) => ({ word: each, count: counts[i], even: i % 2 === 0 })),
  ),
};

/** Median ns a record. */
function measure(run) {
  const times = [];
  for (let i = 0; i < Number(flags.runs) + 2; i++) {
    const begun = process.hrtime.bigint();
    for (let round = 0; round < ROUNDS; round++) run();
    times.push(Number(process.hrtime.bigint() - begun) / ROUNDS / RECORDS);
  }
  times.splice(0, 2);
  times.sort((a, b) => a - b);
  return { median: times[times.length >> 1], min: times[0], max: times.at(-1) };
}

const packr = new Packr({ moreTypes: true });
const results = Object.entries(blocks).map(([name, block]) => {
  const encoded = encodeBlock(block);
  const length = encoded.length;
  const shared = Buffer.from(new SharedArrayBuffer(length + 8));
  shared.set(encoded);
  const decode = block.kind === 'rows' ? decodeRows : decodeColumns;
  const plain = block.kind === 'rows' ? block.rows : [block.keys, block.values];
  const packed = Buffer.from(packr.pack(plain));
  return {
    name,
    bytes: length / RECORDS,
    encode: measure(() => encodeBlock(block)),
    decode: measure(() => decode(0, shared, 0, length, RECORDS)),
    msgpackrPack: measure(() => packr.pack(plain)),
    msgpackrUnpack: measure(() => packr.unpack(packed)),
  };
});

if (flags.json)
  console.log(
    JSON.stringify({ bench: 'codec', node: process.version, cpu: cpus()[0]?.model, results }),
  );
else {
  console.log(
    `codec, ns a record, median of ${flags.runs}, Node ${process.version}, ${cpus()[0]?.model}`,
  );
  console.log(`${''.padEnd(32)}encode  decode   bytes   msgpackr alone`);
  for (const { name, bytes, encode, decode, msgpackrPack, msgpackrUnpack } of results) {
    const cell = (value) => value.median.toFixed(1).padStart(6);
    console.log(
      `${name.padEnd(32)}${cell(encode)}  ${cell(decode)}  ${bytes.toFixed(1).padStart(6)}   ${cell(msgpackrPack)} ${cell(msgpackrUnpack)}`,
    );
  }
}
