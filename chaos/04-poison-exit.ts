/** Scenario 4: a function ends its thread at a record each time, by process.exit. After three times the record is passed over, and all else is exact. */
import { chaos } from 'millrace/testing';

export default chaos((c) => {
  const server = c.serve('port', { rate: 10_000 });
  const poison = server.record(20_000);
  c.run({ supervision: { onPoison: 'quarantine', maxRestarts: 3 } });
  c.for('4s');
  c.at('100ms').point('map').poison(poison, 'exit');
  c.claim.ledgerExactBut([poison], 'records', 'counts');
  c.claim.seen('deadLetter', 1);
  c.claim.restarts(4);
  c.claim.deaths(4);
});
