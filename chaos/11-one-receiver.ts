/** Scenario 11: one of three receivers loses its server for a while. Nobody recovers; the other two go on. */
import { chaos } from 'millrace/testing';

export default chaos((c) => {
  c.serve('port', { rate: 4000 });
  const second = c.serve('second', { rate: 4000 });
  c.serve('third', { rate: 4000 });
  c.for('2500ms');
  c.at('700ms').disconnect(second, { for: '800ms' });
  c.claim.ledgerExact('records', 'counts');
  c.claim.restarts(0);
  c.claim.deaths(0);
});
