/** Scenario 7: user code ends its thread in the middle of a block. The block counts once. */
import { chaos } from 'millrace/testing';

export default chaos((c) => {
  c.serve('port', { rate: 10_000 });
  c.for('2500ms');
  c.onBatch(3).point('map').exit(0);
  c.onBatch(6).point('map').exit(7);
  c.claim.ledgerExact('records', 'counts');
  c.claim.restarts(2);
  c.claim.deaths(2);
});
