/** Scenario 4: a function fills the heap at a record each time. After three times the record is passed over, and all else is exact. */
import { chaos } from 'millrace/testing';

export default chaos((c) => {
  const server = c.serve('port', { rate: 10_000 });
  const poison = server.record(20_000);
  c.run({ maxHeapMb: 96, supervision: { onPoison: 'quarantine' } });
  c.for('6s');
  c.at('100ms').point('map').poison(poison, 'oom');
  c.claim.ledgerExactBut([poison], 'records', 'counts');
  c.claim.seen('deadLetter', 1);
  c.claim.restarts(4);
  c.claim.deaths(4);
});
