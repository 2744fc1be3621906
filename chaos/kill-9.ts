/** The process is killed. It has no checkpoint directory: its run is over, which is seen at once, and nothing of it is left. */
import { chaos } from 'millrace/testing';

export default chaos((c) => {
  c.serve('port', { rate: 10_000 });
  c.for('15s');
  c.at('1s').kill9();
  c.claim.killed();
  c.claim.ledgerPrefix('records');
});
