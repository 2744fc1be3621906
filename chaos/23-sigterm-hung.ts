/** Scenario 23: SIGTERM with a stage that hangs. The exit code is 75 at the deadline. */
import { chaos } from 'millrace/testing';

export default chaos((c) => {
  c.serve('port', { rate: 10_000 });
  c.for('15s');
  c.deadline('800ms');
  c.at('700ms').point('map').hang();
  c.at('1s').signal('SIGTERM');
  c.claim.exit(75);
  c.claim.ledgerPrefix('records');
  c.claim.seen('drained', 0);
});
