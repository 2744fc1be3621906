import { job } from 'millrace';

export default job('never-done', { batchInterval: '100ms' }, (ssc) => {
  ssc.queueStream([[1]]).foreachBatch(() => new Promise(() => {}));
});
