/** Scenario 1: a function throws once. One recovery, no thread dies. */
import { chaos } from 'millrace/testing';

export default chaos((c) => {
  c.serve('port', { rate: 10_000 });
  c.for('1500ms');
  c.at('700ms').point('map').throw();
  c.claim.ledgerExact('records', 'counts');
  c.claim.restarts(1);
  c.claim.deaths(0);
});
