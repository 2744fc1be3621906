/** Scenario 8: a function reads a FIFO that nobody writes to. Its thread is left behind; the job goes on and its process ends. */
import { chaos } from 'millrace/testing';

export default chaos((c) => {
  c.serve('port', { rate: 10_000 });
  c.run({ supervision: { hangTimeoutMs: 600, killTimeoutMs: 300 } });
  c.for('3s');
  c.at('700ms').point('map').nativeHang();
  c.claim.ledgerExact('records', 'counts');
  c.claim.restarts(1);
  c.claim.quarantined(1);
  c.claim.exit(0);
});
