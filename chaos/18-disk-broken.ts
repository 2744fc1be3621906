/**
 * Scenario 18 with EIO: for two seconds no write and no sync of the checkpoint directory comes off. The source says that it is
 * degraded, and takes in nothing.
 */
import { chaos } from 'millrace/testing';

export default chaos((c) => {
  c.serve('port', { rate: 10_000 });
  for (const name of ['records', 'counts', 'totals']) c.files(name);
  c.run({ checkpointInterval: '500ms' });
  c.for('6s');
  c.at('2s').diskFails('2s');
  c.claim.ledgerExact();
  // Connected, degraded, connected.
  c.claim.seen('sourceState', { atLeast: 3 });
  c.claim.restarts(0);
  c.claim.deaths(0);
});
