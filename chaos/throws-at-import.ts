/** A job whose file can be loaded by the main thread only. For 25-throws-at-import.ts. */
import { isMainThread } from 'node:worker_threads';
import { job } from 'millrace';

if (!isMainThread) throw new Error('not in a worker');

export default job('throws-at-import', (ssc) => ssc.inputStream<number>('numbers').print());
