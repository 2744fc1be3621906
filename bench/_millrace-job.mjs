// The programs of bench/wordcount.mjs and bench/latency.mjs, as a job module that every thread loads.
import { job } from '../dist/index.js';

/** When a batch is in the sink's hands: its time, when it came, and how many words it has. */
const seen = async (batch, time) => {
  const lateMs = performance.timeOrigin + performance.now() - time;
  console.log(JSON.stringify({ batch: time, lateMs, distinct: await batch.count() }));
};

export const natural = job('natural', { batchInterval: '1s' }, (ssc, args) => {
  ssc
    .socketTextStream('127.0.0.1', args.port)
    .flatMap((line) => line.split(' '))
    .map((word) => [word, 1])
    .reduceByKey((a, b) => a + b)
    .foreachBatch(seen);
});

export const declared = job('declared', { batchInterval: '1s' }, (ssc, args) => {
  ssc.socketTextStream('127.0.0.1', args.port).words().countByValue().foreachBatch(seen);
});

/** The same, with a sink that says nothing: for benches that watch from outside. */
const silent = async (batch) => void (await batch.count());

export const naturalSilent = job('naturalSilent', { batchInterval: '1s' }, (ssc, args) => {
  ssc
    .socketTextStream('127.0.0.1', args.port)
    .flatMap((line) => line.split(' '))
    .map((word) => [word, 1])
    .reduceByKey((a, b) => a + b)
    .foreachBatch(silent);
});

export const declaredSilent = job('declaredSilent', { batchInterval: '1s' }, (ssc, args) => {
  ssc.socketTextStream('127.0.0.1', args.port).words().countByValue().foreachBatch(silent);
});

/** Short batches, for benches that wait for many of them. */
export const naturalQuick = job('naturalQuick', { batchInterval: '250ms' }, (ssc, args) => {
  ssc
    .socketTextStream('127.0.0.1', args.port)
    .flatMap((line) => line.split(' '))
    .map((word) => [word, 1])
    .reduceByKey((a, b) => a + b)
    .foreachBatch(silent);
});

export const declaredQuick = job('declaredQuick', { batchInterval: '250ms' }, (ssc, args) => {
  ssc.socketTextStream('127.0.0.1', args.port).words().countByValue().foreachBatch(silent);
});

export const programs = {
  natural,
  declared,
  naturalSilent,
  declaredSilent,
  naturalQuick,
  declaredQuick,
};
