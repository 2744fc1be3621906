/** Scenario 12: all receivers lose their servers for a while. The state is visible, no restart is counted, nothing is lost. */
import { chaos } from 'millrace/testing';

export default chaos((c) => {
  c.serve('port', { rate: 4000 });
  c.serve('second', { rate: 4000 });
  c.serve('third', { rate: 4000 });
  c.for('3s');
  c.at('700ms').disconnect(undefined, { for: '1s' });
  c.claim.ledgerExact('records', 'counts');
  c.claim.restarts(0);
  c.claim.deaths(0);
  c.claim.seen('sourceState', { atLeast: 6 });
});
