/** Scenario 22: SIGTERM under load. The partial batch is flushed, the exit code is 0, what came out is a beginning. */
import { chaos } from 'millrace/testing';

export default chaos((c) => {
  c.serve('port', { rate: 10_000 });
  c.for('15s');
  c.at('1100ms').signal('SIGTERM');
  c.claim.exit(0);
  c.claim.ledgerPrefix('records', 'counts');
  c.claim.restarts(0);
  c.claim.seen('drained', 1);
});
