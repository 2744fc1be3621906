/**
 * Scenario 21: the sink becomes about a hundred times slower, and slower than batches come. Its edges fill, whoever feeds
 * it waits, up to the server. Memory stays flat, nobody is taken for hanging, nothing is lost.
 */
import { chaos } from 'millrace/testing';

export default chaos((c) => {
  const server = c.serve('port', { rate: 8000, pad: 1000 });
  c.run({ retainBytes: 1 << 20, supervision: { hangTimeoutMs: 1000 } });
  c.for('9s');
  c.at('1s').point('sink').slow(600);
  c.at('7s').point('sink').clear();
  c.claim.heldBack({ atLeast: '500ms', server });
  c.claim.ledgerExact('records', 'counts');
  c.claim.memoryFlat({ withinPercent: 20, from: '2500ms', until: '7s' });
  c.claim.restarts(0);
  c.claim.deaths(0);
});
