/**
 * A job inside a Node program: the program pushes orders in, takes the takings of each shop out, and stops the job
 * when it has pushed all. The event loop stays free for whatever else the program does; the work is on two threads.
 *
 *     node examples/embedded.ts          (Node 20: npx tsx examples/embedded.ts)
 *
 * Each worker thread loads this file to make the job for itself. There `run()` never settles, so what stands behind it
 * happens in the program alone.
 */
import { job, run, sum } from 'millrace';

interface Order {
  readonly shop: string;
  readonly cents: number;
}

const takings = job('takings', { batchInterval: '200ms' }, (ssc) => {
  ssc
    .inputStream<Order>('orders')
    .filter((order) => order.cents > 0)
    .map((order) => [order.shop, order.cents] as const)
    .reduceByKey(sum)
    .collectAs('takings');
});

const running = await run(takings, { threads: 2 });

const totals = new Map<string, number>();
const collecting = (async () => {
  for await (const batch of running.results<[string, number]>('takings')) {
    for (const [shop, cents] of batch.values) totals.set(shop, (totals.get(shop) ?? 0) + cents);
  }
})();

const orders = running.input('orders');
const shops = ['Oslo', 'Porto', 'Quito'];
for (let n = 0; n < 10_000; n += 100) {
  // Resolves when the orders are accepted: a slow job slows this loop down, and nothing piles up.
  await orders.push(
    Array.from({ length: 100 }, (_, i): Order => ({ shop: shops[(n + i) % 3]!, cents: n + i })),
  );
}

// Drains: what was pushed passes all operators first.
const { drained } = await running.stop();
await collecting;

for (const [shop, cents] of [...totals].sort()) console.log(shop, cents / 100);
console.log(drained ? 'all orders are counted' : 'some orders were given up');
