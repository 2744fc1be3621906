/** Scenario 21: a stage becomes much slower than what comes in. Memory stays flat, nobody is taken for hanging, nothing is lost. */
import { chaos } from 'millrace/testing';

export default chaos((c) => {
  c.serve('port', { rate: 40_000 });
  c.run({ retainBytes: 1 << 20, supervision: { hangTimeoutMs: 2000 } });
  c.for('4s');
  c.at('500ms').point('map').slow(0.2);
  c.at('3s').point('map').clear();
  c.claim.ledgerExact('records', 'counts');
  c.claim.memoryFlat({ withinPercent: 20 });
  c.claim.restarts(0);
  c.claim.deaths(0);
});
