// Notes how long a worker thread is kept from everything else: its longest step, and the longest that it was at a hand-over
// within one step (a slice of it, or the last of it with the write of the file). Imported by jobs, so by every thread.
import { threadId } from 'node:worker_threads';
import { VitalsWriter } from '../dist/actors/vitals.js';
import { TaskState } from '../dist/dstream/state/task-state.js';

/** Two words for each of so many threads, in microseconds: of the longest step, of the longest hand-over. */
export const THREADS = 64;
export const pauseWords = () => new Int32Array(new SharedArrayBuffer(8 * THREADS));

export const pausesIn = (words) => ({
  stepMs: Math.max(...words.filter((_, n) => n % 2 === 0)) / 1000,
  handOverMs: Math.max(...words.filter((_, n) => n % 2 === 1)) / 1000,
});

let isWatching = false;

export function watchPauses(words) {
  if (isWatching) return;
  isWatching = true;
  const at = (threadId % THREADS) * 2;
  const note = (word, from) => {
    const us = Math.round((performance.now() - from) * 1000);
    if (us > words[word]) words[word] = us;
  };
  let stepFrom;
  let handOverFrom;
  const before = (prototype, name, act) => {
    const original = prototype[name];
    if (typeof original !== 'function') throw new Error(`bench/_pauses.mjs: there is no ${name}`);
    prototype[name] = function (...args) {
      act();
      return original.apply(this, args);
    };
  };
  before(VitalsWriter.prototype, 'running', () => {
    stepFrom = performance.now();
    handOverFrom = undefined;
  });
  before(VitalsWriter.prototype, 'idle', () => {
    if (stepFrom !== undefined) note(at, stepFrom);
    if (handOverFrom !== undefined) note(at + 1, handOverFrom);
    stepFrom = handOverFrom = undefined;
  });
  for (const name of ['prepare', 'handOver'])
    before(TaskState.prototype, name, () => {
      handOverFrom ??= performance.now();
    });
}
