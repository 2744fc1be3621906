// A TCP server of keys, a line of 9 bytes each (`u0000017`), in a process of its own. First all keys once, as fast as they
// are taken; then as many a second as it is told.
//
//   node bench/_key-server.mjs [--keys 1000000] [--rate 10000] [--repeat 1]
//
// Prints {"port":N} when it listens. A client says `position <bytes>\n` and gets what lies behind it; the bytes at a position
// are always the same: behind the first line of each key comes a walk through all keys in which each step is `repeat`
// lines. A number on standard input is the rate from then on.
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    keys: { type: 'string', default: '1000000' },
    rate: { type: 'string', default: '10000' },
    repeat: { type: 'string', default: '1' },
  },
});
const KEYS = Number(values.keys);
const REPEAT = Number(values.repeat);
const LINE_BYTES = 9;
const TICK_MS = 5;
const SLICE_LINES = 10_000;
const PRIME = 48_271;

let rate = Number(values.rate);
/** Lines that there are by now; what was due before somebody listened is not. */
let due = KEYS;
let ticked = performance.now();
const clients = new Set();

function lines(from, to) {
  const bytes = Buffer.allocUnsafe((to - from) * LINE_BYTES);
  for (let n = from, at = 0; n < to; n++, at += LINE_BYTES) {
    let key = n < KEYS ? n : (Math.floor((n - KEYS) / REPEAT) * PRIME) % KEYS;
    bytes[at] = 117;
    for (let digit = 7; digit > 0; digit--) {
      bytes[at + digit] = 48 + (key % 10);
      key = Math.floor(key / 10);
    }
    bytes[at + 8] = 10;
  }
  return bytes;
}

function write(client) {
  while (client.next < due && client.socket.writable && !client.socket.writableNeedDrain) {
    const to = Math.min(Math.floor(due), client.next + SLICE_LINES);
    if (to <= client.next) return;
    client.socket.write(lines(client.next, to));
    client.next = to;
  }
}

const server = createServer({ noDelay: true }, (socket) => {
  const client = { socket, next: Infinity };
  clients.add(client);
  socket.on('error', () => {});
  socket.on('close', () => clients.delete(client));
  socket.on('drain', () => write(client));
  socket.once('data', (hello) => {
    client.next = Number(String(hello).split(' ')[1]) / LINE_BYTES;
    write(client);
  });
});
setInterval(() => {
  const now = performance.now();
  // Not while nobody has all keys yet.
  if ([...clients].some(({ next }) => next >= KEYS && next < Infinity))
    due += ((now - ticked) * rate) / 1000;
  ticked = now;
  for (const client of clients) write(client);
}, TICK_MS);
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })));
for await (const line of createInterface({ input: process.stdin })) rate = Number(line);
process.exit(0);
