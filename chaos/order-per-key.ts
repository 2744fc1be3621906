/** On one worker, so with one partition, the records of each key keep their order through deaths. */
import { chaos } from 'millrace/testing';

export default chaos((c) => {
  c.serve('port', { rate: 10_000 });
  c.run({ threads: 1 });
  c.for('2500ms');
  c.onBatch(3).kill('worker');
  c.onBatch(5).throwInTask();
  c.onBatch(7).kill('sources');
  c.claim.orderPerKey('records');
  c.claim.ledgerExact('records');
});
