// Two threads that take turns, each asleep until the other has had its turn.
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { RemoteBell, Sleeper } from '../../dist/actors/doorbell.js';

const { memory, turn, rounds, second } = workerData;
const me = second ? 1 : 0;
const turns = new Int32Array(turn);
const sleeper = new Sleeper(memory, me);
const other = new RemoteBell(memory, 1 - me);
if (isMainThread) throw new Error('this is a worker');
if (!second) {
  const peer = new Worker(new URL(import.meta.url), {
    workerData: { memory, turn, rounds, second: true },
  });
  peer.once('error', (error) => {
    throw error;
  });
}
let longest = 0;
for (let round = 0; round < rounds; round++) {
  const mine = 2 * round + me;
  const begun = process.hrtime.bigint();
  while (Atomics.load(turns, 0) !== mine) {
    sleeper.prepare();
    if (Atomics.load(turns, 0) === mine) sleeper.awake();
    else sleeper.park(20_000);
  }
  longest = Math.max(longest, Number(process.hrtime.bigint() - begun) / 1e6);
  Atomics.store(turns, 0, mine + 1);
  other.ring();
}
if (!second) {
  // The other's last turn.
  while (Atomics.load(turns, 0) !== 2 * rounds) {
    sleeper.prepare();
    if (Atomics.load(turns, 0) === 2 * rounds) sleeper.awake();
    else sleeper.park(20_000);
  }
  parentPort.postMessage([longest]);
}
