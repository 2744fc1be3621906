/** Scenario 26: the embedding thread does nothing for a while. Batches go on, and nobody is taken for hanging. */
import { chaos } from 'millrace/testing';

export default chaos((c) => {
  c.serve('port', { rate: 10_000 });
  c.run({ supervision: { hangTimeoutMs: 1000 } });
  c.for('3500ms');
  c.at('700ms').blockMain('2s');
  c.claim.ledgerExact('records', 'counts');
  c.claim.restarts(0);
  c.claim.deaths(0);
});
