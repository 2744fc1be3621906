/** Scenario 21, of a stage: it becomes much slower than what comes in. As with the sink, the server is held back. */
import { chaos } from 'millrace/testing';

export default chaos((c) => {
  const server = c.serve('port', { rate: 8000, pad: 1000 });
  c.run({ retainBytes: 1 << 20, supervision: { hangTimeoutMs: 1000 } });
  c.for('9s');
  c.at('1s').point('map').slow(1);
  c.at('7s').point('map').clear();
  c.claim.heldBack({ atLeast: '1s', server });
  c.claim.ledgerExact('records', 'counts');
  c.claim.memoryFlat({ withinPercent: 20, from: '2500ms', until: '7s' });
  c.claim.restarts(0);
  c.claim.deaths(0);
});
