/**
 * Scenario 14: the process is killed (SIGKILL) four times, soon after it has begun to go on from its checkpoint directory, and
 * now and then it is down for a second. Every record is once in the files, and counted once.
 */
import { chaos } from 'millrace/testing';

export default chaos((c) => {
  c.serve('port', { rate: 10_000 });
  for (const name of ['records', 'counts', 'totals']) c.files(name);
  c.run({ checkpointInterval: '500ms' });
  c.for('6s');
  c.every('1500ms', { times: 4 }).random([
    (fault) => fault.processKill(),
    (fault) => fault.processKill({ down: '1s' }),
  ]);
  c.claim.ledgerExact();
  c.claim.seen('started', 5);
  c.claim.seen('restarted', 4);
});
