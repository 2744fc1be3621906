/**
 * soak.ts for a topology, exactly-once: `npm run chaos -- chaos/numbers-topology.ts --script chaos/soak-topology.ts`. Each
 * record comes out, so there are fewer.
 */
import { chaos } from 'millrace/testing';

export default chaos((c) => {
  c.serve('port', { rate: 20_000 });
  c.run({
    // What a source keeps is written round and round: with more of it, its memory would still be growing at the end.
    retainBytes: 4 << 20,
    supervision: { maxRestarts: 1000, withinMs: 60_000, backoff: { maxMs: 50 } },
  });
  c.for('62s');
  c.every('200ms', { until: '60s' }).random([
    (fault) => fault.kill('worker'),
    (fault) => fault.exit(1),
    (fault) => fault.kill('worker', 'throw'),
  ]);
  c.claim.ledgerExact('records', 'counts');
  c.claim.deaths({ atLeast: 100, atMost: 300 });
  c.claim.memoryFlat({ withinPercent: 20 });
  c.claim.threadsFlat();
});
