// Running totals of many keys, which come from bench/_key-server.mjs. A job module that every thread loads.
import { job } from '../dist/index.js';
import { watchPauses } from './_pauses.mjs';

/** Says when the first record of a batch was there, and what the process has used by then. */
const telling = async (batch, time) => {
  const at = performance.timeOrigin + performance.now();
  const { user, system } = process.cpuUsage();
  const count = await batch.count();
  if (count > 0)
    console.log(JSON.stringify({ batch: time, count, at, cpuMs: (user + system) / 1000 }));
};
const silent = async (batch) => void (await batch.count());

const totals =
  (seen) =>
  (ssc, { port, pauses }) => {
    if (pauses !== undefined) watchPauses(pauses);
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
      .foreachBatch(seen);
  };

export const programs = {
  second: job('second', { batchInterval: '1s' }, totals(telling)),
  quick: job('quick', { batchInterval: '250ms' }, totals(telling)),
  quickSilent: job('quickSilent', { batchInterval: '250ms' }, totals(silent)),
};
