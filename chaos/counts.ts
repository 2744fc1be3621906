/** The word count of the soak: numbered records over TCP, counted by key. Only counts come out, so there may be many. */
import { job } from 'millrace';

export default job('counts', { batchInterval: '250ms' }, (ssc, { port }: { port: number }) => {
  ssc
    .socketTextStream('127.0.0.1', port, { hello: ({ bytes }) => `position ${bytes}\n` })
    .flatMap((line) => line.split(' ', 1))
    .map((word) => [word, 1] as const)
    .reduceByKey((a, b) => a + b)
    .collectAs('counts');
});
