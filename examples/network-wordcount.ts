/**
 * Counts the words that a TCP server sends, a batch a second. In one terminal a server, in another the job:
 *
 *     nc -lk 9999
 *     npx millrace run examples/network-wordcount.ts --args '{"host":"localhost","port":9999}'
 */
import { job } from 'millrace';

export default job(
  'network-wordcount',
  { batchInterval: '1s' },
  (ssc, args: { host: string; port: number }) => {
    ssc
      .socketTextStream(args.host, args.port)
      .flatMap((line) => line.split(' '))
      .map((word) => [word, 1] as const)
      .reduceByKey((a, b) => a + b)
      .print();
  },
);
