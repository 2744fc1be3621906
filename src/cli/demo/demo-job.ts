/**
 * The README's word count, as the demo runs it: with a hello, so that the death of the receiver's thread loses
 * nothing, and with its results collected, so that they can be checked.
 */
import { job, type Job } from '../../dstream/job.ts';

export interface DemoArgs {
  readonly host: string;
  readonly port: number;
}

/** Names of the collected streams. */
export const COUNTS = 'counts';
export const LINES = 'lines';

export const demoJob: Job<DemoArgs> = job<DemoArgs>(
  'network-wordcount',
  { batchInterval: '1s', url: import.meta.url },
  (ssc, { host, port }) => {
    const lines = ssc.socketTextStream(host, port, { hello: ({ bytes }) => `position ${bytes}\n` });
    lines
      .flatMap((line) => line.split(' '))
      .map((word) => [word, 1] as const)
      .reduceByKey((a, b) => a + b)
      .collectAs(COUNTS);
    lines.count().collectAs(LINES);
  },
);
