/**
 * Scenarios 18 and 19: no space on the disk of the checkpoints for three seconds. The job says that it is degraded, takes in
 * nothing, goes on by itself, and nobody is taken for dead.
 */
import { chaos } from 'millrace/testing';

export default chaos((c) => {
  c.serve('port', { rate: 10_000 });
  for (const name of ['records', 'counts', 'totals']) c.files(name);
  c.run({ checkpointInterval: '500ms' });
  c.for('7s');
  c.at('2s').diskFull('3s');
  c.claim.ledgerExact();
  // Connected, degraded, connected.
  c.claim.seen('sourceState', { atLeast: 3 });
  c.claim.restarts(0);
  c.claim.deaths(0);
});
