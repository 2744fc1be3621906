/**
 * Looks at the resident memory of the process, which heap limits don't bound: buffers and shared memory count too. A job
 * that ends in good order is better than a process that the kernel kills. Belongs to the embedding thread.
 *
 * I1  It tells once, at the first look that is over the limit, and looks no more.
 */
import type { Clock, Timer } from '../env/env.ts';
import { millraceError } from '../errors.ts';

const LOOK_EVERY_MS = 500;
const MIB = 1 << 20;

export interface RssLimitOptions {
  readonly clock: Clock;
  readonly maxRssMb: number;
  readonly onOver: (error: Error) => void;
  /** In bytes. @default that of the process */
  readonly sample?: () => number;
}

/** Gives what ends the watch. */
export function watchRss({
  clock,
  maxRssMb,
  onOver,
  sample = () => process.memoryUsage.rss(),
}: RssLimitOptions): () => void {
  let timer: Timer | undefined;
  const look = (): void => {
    const rssMb = Math.ceil(sample() / MIB);
    if (rssMb <= maxRssMb) {
      timer = clock.after(LOOK_EVERY_MS, look);
      return;
    }
    timer = undefined;
    onOver(
      millraceError(
        'ERR_MILLRACE_RSS_LIMIT',
        `the process has ${rssMb} MiB in memory; maxRssMb is ${maxRssMb}`,
        { context: { rssMb, maxRssMb } },
      ),
    );
  };
  timer = clock.after(0, look);
  return () => timer?.cancel();
}
