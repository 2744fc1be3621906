import { job, run } from 'millrace';

const hoarder = job('hoarder', { batchInterval: '100ms' }, (ssc) => {
  ssc
    .queueStream([[1]])
    .map(() => {
      const hoard = [];
      for (let n = 0; ; n++) hoard.push(Array(1_000_000).fill(n + 0.5));
    })
    .print();
});

// The command runs the job in place of this, with these options below its flags.
await run(hoarder, { threads: 1, maxHeapMb: 64, supervision: { maxRestarts: 0 } });
