// Its second batch reads a FIFO that nobody writes to: a native call that nothing can interrupt.
import { readFileSync, writeSync } from 'node:fs';
import { job, run } from 'millrace';

const native = job('native', { batchInterval: 100 }, (ssc, { fifo }) => {
  ssc
    .queueStream([[1], [2], [3], [4]])
    .map((n) => {
      if (n !== 2) return n;
      writeSync(2, 'reads the FIFO\n');
      return readFileSync(fifo, 'utf8');
    })
    .print();
});

await run(native, { threads: 1, supervision: { hangTimeoutMs: 20_000, killTimeoutMs: 200 } });
