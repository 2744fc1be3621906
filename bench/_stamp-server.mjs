// Sends `rate` lines a second to each that connects: the time of sending in µs since 1970 (16 digits), and two words.
// It sleeps between lines, so it takes little of the machine. A line that is late is stamped when it is sent.
//
//   node bench/_stamp-server.mjs RATE
import { createServer } from 'node:net';

const rate = Number(process.argv[2] ?? 10_000);
const word = new Int32Array(new SharedArrayBuffer(4));
const nowUs = () => Math.round((performance.timeOrigin + performance.now()) * 1000);
let sockets = [];
const server = createServer((socket) => {
  socket.setNoDelay(true);
  socket.on('error', () => {});
  socket.on('close', () => (sockets = sockets.filter((each) => each !== socket)));
  sockets.push(socket);
});
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })));
process.stdin.on('end', () => process.exit(0)).resume();

const stepMs = 1000 / rate;
let n = 0;
function turn() {
  const endMs = performance.now() + 50;
  let dueMs = performance.now();
  while (performance.now() < endMs && sockets.length > 0) {
    dueMs += stepMs;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0.05) Atomics.wait(word, 0, 0, waitMs - 0.05);
    while (performance.now() < dueMs);
    for (const socket of sockets) socket.write(`${nowUs()} k${n % 1000} ${n & 1}\n`);
    n++;
  }
  if (sockets.length > 0) setImmediate(turn);
  else setTimeout(turn, 10);
}
turn();
