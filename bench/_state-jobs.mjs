// The programs of bench/state.mjs: word counts with running totals, and the same without state.
import { job } from '../dist/index.js';

/** Says how many words a batch has. */
const seen = async (batch) => void (await batch.count());

const natural = (ssc, { port }) =>
  ssc
    .socketTextStream('127.0.0.1', port)
    .flatMap((line) => line.split(' '))
    .map((word) => [word, 1])
    .reduceByKey((a, b) => a + b);
const declared = (ssc, { port }) => ssc.socketTextStream('127.0.0.1', port).words().countByValue();

const update = (counts) =>
  counts.updateStateByKey((values, total = 0) => {
    for (let i = 0; i < values.length; i++) total += values[i];
    return total;
  });
const map = (counts) =>
  counts.mapWithState((word, count, state) => {
    const total = (state.getOption() ?? 0) + count;
    state.update(total);
    return [word, total];
  });

const program = (name, build) =>
  job(name, { batchInterval: '1s' }, (ssc, args) => build(ssc, args).foreachBatch(seen));

export const programs = {
  declared: program('declared', declared),
  declaredUpdate: program('declaredUpdate', (ssc, args) => update(declared(ssc, args))),
  declaredMap: program('declaredMap', (ssc, args) => map(declared(ssc, args))),
  natural: program('natural', natural),
  naturalUpdate: program('naturalUpdate', (ssc, args) => update(natural(ssc, args))),
  naturalMap: program('naturalMap', (ssc, args) => map(natural(ssc, args))),
};
