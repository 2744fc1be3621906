/** Scenario 11: one of three receivers dies, twice: its connection is cut, and refused for a while. The other two never pause. */
import { chaos } from 'millrace/testing';

export default chaos((c) => {
  const first = c.serve('port', { rate: 4000 });
  const second = c.serve('second', { rate: 4000 });
  const third = c.serve('third', { rate: 4000 });
  c.for('4s');
  c.at('700ms').disconnect(second);
  c.at('1500ms').disconnect(second, { for: '1s' });
  c.claim.neverPauses(first);
  c.claim.neverPauses(third);
  c.claim.ledgerExact('records', 'counts');
  c.claim.restarts(0);
  c.claim.deaths(0);
});
