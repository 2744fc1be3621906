/** Scenario 5: a worker is terminated every 200 ms. As many recoveries as kills. */
import { chaos } from 'millrace/testing';

export default chaos((c) => {
  c.serve('port', { rate: 10_000 });
  c.run({ supervision: { maxRestarts: 1000, withinMs: 60_000, backoff: { maxMs: 50 } } });
  c.for('4s');
  c.every('200ms', { times: 15 }).do((fault) => fault.kill('worker'));
  c.claim.ledgerExact('records', 'counts');
  c.claim.restarts(15);
  c.claim.deaths(15);
});
