/** Everything that a thread can die of, at random, and the connections cut: from `--seed`. Nothing shows in the counts. */
import { chaos } from 'millrace/testing';

export default chaos((c) => {
  c.serve('port', { rate: 10_000 });
  c.run({
    maxHeapMb: 96,
    supervision: {
      maxRestarts: 1000,
      withinMs: 60_000,
      hangTimeoutMs: 800,
      backoff: { maxMs: 50 },
    },
  });
  c.for('6s');
  c.every('700ms', { until: '4500ms' }).random([
    (fault) => fault.kill('worker'),
    (fault) => fault.kill('spare'),
    (fault) => fault.exit(0),
    (fault) => fault.reject(),
    (fault) => fault.oom(),
    (fault) => fault.hang(),
    (fault) => fault.throwInTask(),
    (fault) => fault.kill('sources'),
    (fault) => fault.kill('coordinator'),
    (fault) => fault.disconnect(),
    (fault) => fault.freeze('200ms'),
  ]);
  c.claim.ledgerExact('records', 'counts');
});
