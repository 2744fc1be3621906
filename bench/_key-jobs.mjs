// Running totals of many keys, which come from bench/_key-server.mjs. A job module that every thread loads.
import { threadId } from 'node:worker_threads';
import { job } from '../dist/index.js';

/**
 * Notes in shared memory how long this thread left records waiting: the longest time between two calls, while there are
 * records all the time. A word a thread, in microseconds.
 */
function watchful(pauses) {
  let last = performance.now();
  return (record) => {
    const now = performance.now();
    const us = Math.round((now - last) * 1000);
    last = now;
    const at = threadId % pauses.length;
    if (us > pauses[at]) pauses[at] = us;
    return record;
  };
}

const totals = (ssc, { port, pauses }) => {
  const lines = ssc.socketTextStream('127.0.0.1', port, {
    hello: ({ bytes }) => `position ${bytes}\n`,
  });
  lines
    .map((line) => [line, 1])
    .mapWithState((key, one, state) => {
      const total = (state.getOption() ?? 0) + one;
      state.update(total);
      return [key, total];
    })
    .foreachBatch(async (batch, time) => {
      const first = performance.timeOrigin + performance.now();
      const count = await batch.count();
      if (count > 0) console.log(JSON.stringify({ batch: time, count, at: first }));
    });
  if (pauses === undefined) return;
  // Dealt out in turn, so that every worker has some of them all the time.
  lines
    .repartition(2)
    .map(watchful(pauses))
    .foreachBatch(async (batch) => void (await batch.count()));
};

export const programs = {
  second: job('second', { batchInterval: '1s' }, totals),
  quick: job('quick', { batchInterval: '250ms' }, totals),
};
