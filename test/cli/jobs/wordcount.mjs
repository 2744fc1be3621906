import { job } from 'millrace';

export default job('wordcount', { batchInterval: '250ms' }, (ssc, { host = '127.0.0.1', port }) => {
  ssc
    .socketTextStream(host, port, { hello: ({ bytes }) => `position ${bytes}\n` })
    .flatMap((line) => line.split(' '))
    .map((word) => [word, 1])
    .reduceByKey((a, b) => a + b)
    .print(3);
});
