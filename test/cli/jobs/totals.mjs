/** Counts lines for ever. A line `die` ends the whole process, once: `died` is a file that says that it has. */
import { existsSync, writeFileSync } from 'node:fs';
import { job } from 'millrace';

export default job('totals', { batchInterval: '250ms' }, (ssc, { port, died, again = false }) => {
  ssc
    .socketTextStream('127.0.0.1', port, { hello: ({ lines }) => `from ${lines}\n` })
    .map((line) => {
      if (line === 'die' && (again || !existsSync(died))) {
        writeFileSync(died, '');
        process.kill(process.pid, 'SIGKILL');
      }
      return ['lines', 1];
    })
    .updateStateByKey((values, before = 0) => before + values.length)
    .print();
});
