/**
 * For a minute a worker dies every 200 ms while words are counted, at half load: more lives of threads than there are
 * numbers for them. Counts are exact, nothing is left pending (the process waits for every promise of the run), no thread is
 * left, memory is flat. Too long for the tests: `npm run chaos -- chaos/counts.ts --script chaos/soak.ts`
 */
import { chaos } from 'millrace/testing';

export default chaos((c) => {
  c.serve('port', { rate: 300_000 });
  c.run({
    // What a source keeps is written round and round: with more of it, its memory would still be growing at the end.
    retainBytes: 16 << 20,
    supervision: { maxRestarts: 1000, withinMs: 60_000, backoff: { maxMs: 50 } },
  });
  c.for('62s');
  c.every('200ms', { until: '60s' }).random([
    (fault) => fault.kill('worker'),
    (fault) => fault.exit(1),
    (fault) => fault.kill('worker', 'throw'),
  ]);
  c.claim.ledgerExact('counts');
  // A machine that is busy with other things takes longer to start a thread, and then there are fewer.
  c.claim.deaths({ atLeast: 100, atMost: 300 });
  c.claim.memoryFlat({ withinPercent: 20 });
  c.claim.threadsFlat();
});
