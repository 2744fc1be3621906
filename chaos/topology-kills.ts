/** Workers of a topology die, in each way and at random, then the threads of sources and coordinator. Its job is numbers-topology.ts. */
import { chaos } from 'millrace/testing';

export default chaos((c) => {
  c.serve('port', { rate: 10_000 });
  c.run({
    supervision: {
      maxRestarts: 1000,
      withinMs: 60_000,
      hangTimeoutMs: 800,
      backoff: { maxMs: 50 },
    },
  });
  c.for('6s');
  c.every('400ms', { times: 6 }).random([
    (fault) => fault.kill('worker'),
    (fault) => fault.exit(0),
    (fault) => fault.hang(),
    (fault) => fault.throwInTask(),
  ]);
  c.onBatch(7).kill('sources');
  c.onBatch(9).kill('coordinator');
  c.claim.ledgerExact('records', 'counts');
  c.claim.threadsFlat();
});
