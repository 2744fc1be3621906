/** Scenario 10: one death more than the limit. The job fails and names its cause; what came out is a beginning. */
import { chaos } from 'millrace/testing';

export default chaos((c) => {
  c.serve('port', { rate: 10_000 });
  c.run({ supervision: { maxRestarts: 3, withinMs: 30_000 } });
  c.for('15s');
  c.every('500ms', { times: 4 }).do((fault) => fault.exit(9));
  c.claim.fails('ERR_MILLRACE_REACHED_MAX_RESTARTS', /exit 9/);
  c.claim.exit(70);
  c.claim.restarts(3);
  c.claim.ledgerPrefix('records');
});
