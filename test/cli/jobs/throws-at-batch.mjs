import { job } from 'millrace';

export default job('thrower', { batchInterval: '100ms' }, (ssc) => {
  ssc
    .queueStream([[1, 2, 3]])
    .map((n) => {
      if (n === 2) throw new TypeError('two is not allowed');
      return n;
    })
    .print();
});
