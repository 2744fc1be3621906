/** Scenario 29: a frame in a ring is damaged. It is found, the epoch's rings are made anew, and nothing shows. */
import { chaos } from 'millrace/testing';

export default chaos((c) => {
  c.serve('port', { rate: 10_000 });
  c.for('2s');
  c.at('1s').corrupt();
  c.claim.ledgerExact('records', 'counts');
  c.claim.restarts(1);
  c.claim.deaths(0);
});
