/** Scenario 2, first half: a function throws at a record each time. Four attempts, then the job fails; what came out is a beginning. */
import { chaos } from 'millrace/testing';

export default chaos((c) => {
  const server = c.serve('port', { rate: 10_000 });
  c.for('15s');
  c.run({ supervision: { maxBatchFailures: 4, backoff: { maxMs: 50 } } });
  c.at('100ms').point('map').poison(server.record(20_000), 'throw');
  c.claim.fails('ERR_MILLRACE_USER_FUNCTION', /ordered at map/);
  c.claim.exit(70);
  c.claim.restarts(3);
  c.claim.deaths(0);
  c.claim.ledgerPrefix('records');
});
