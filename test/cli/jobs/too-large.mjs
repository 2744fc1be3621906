// The process alone has more in memory than this.
import { job, run } from 'millrace';

const large = job('too-large', { batchInterval: 100 }, (ssc) => {
  ssc.queueStream([[1], [2]]).print();
});

await run(large, { threads: 1, maxRssMb: 64 });
