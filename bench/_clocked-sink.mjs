// The last function of what bench/topology.mjs measures: how long each record was on its way. Says so each
// second, in µs.
const BUCKET_US = 5;

export function clockedSink(say = (line) => console.log(JSON.stringify(line))) {
  const buckets = new Uint32Array(40_000);
  let n = 0;
  let max = 0;
  let told = performance.now();
  const quantile = (q) => {
    let left = n * q;
    for (let i = 0; i < buckets.length; i++)
      if ((left -= buckets[i]) <= 0) return (i + 0.5) * BUCKET_US;
    return max;
  };
  return (record) => {
    const us = (performance.timeOrigin + performance.now()) * 1000 - record.us;
    buckets[Math.max(0, Math.min(buckets.length - 1, Math.floor(us / BUCKET_US)))]++;
    n++;
    if (us > max) max = us;
    if (performance.now() - told < 1000) return;
    say({
      t: Date.now(),
      n,
      p50_us: quantile(0.5),
      p99_us: quantile(0.99),
      p999_us: quantile(0.999),
      max_us: max,
    });
    buckets.fill(0);
    n = max = 0;
    told = performance.now();
  };
}
