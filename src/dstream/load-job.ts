/**
 * In a worker thread: imports the file of a job and finds the job in it.
 *
 *   import begins ──▶ job() registers it ──▶ the file ends              found: go on
 *                              │
 *                              ├──▶ the file calls run(), which parks   found: go on, what follows isn't for workers
 *                              └──▶ neither within `STALL_MS`           found: go on, with a hint
 *
 * Called once a worker thread, by its entry, before anything of the user's is loaded there.
 *
 * I1  The thread is marked as a worker first, so `run()` in it never starts anything and never settles: a script that
 *     says `await run(job)` at its top level is a job file like any other.
 * I2  A file that goes on to its end is waited for even when the job is registered early. Its functions may use what
 *     the file defines further down.
 */
import type { Clock } from '../env/env.ts';
import { millraceError } from '../errors.ts';
import { shown } from './caller-url.ts';
import { importJobFile } from './import-job-file.ts';
import type { Job } from './job.ts';
import { findJob, jobsOf, listen, markWorkerThread, type RegistryEvent } from './registry.ts';
import { ensureTypeScript } from './ts-loader.ts';

/** What a thread needs to know to make a job for itself. Plain data. */
export interface JobAddress {
  /** URL of the file. */
  readonly url: string;
  readonly name: string;
}

export interface LoadedJob {
  readonly job: Job<never>;
  /** How long the file took, in ms. */
  readonly loadMs: number;
  /** What the author may want to know, as sentences. The main thread logs each once, whatever thread it came from. */
  readonly hints: readonly string[];
}

/** A file that takes longer is worth a hint: every thread, and every replacement of one, pays for it. */
const SLOW_MS = 250;

/** Where tsx compiles, it is not the file that is slow: starting the compiler alone takes 150 ms and more. */
const SLOW_WITH_TSX_MS = 1000;

/** A file that neither ends nor calls `run()` so long after it defined the job is taken as it is. */
const STALL_MS = 5000;

type Outcome = 'finished' | 'parked' | 'stalled';

/**
 * @throws ERR_MILLRACE_JOB_FILE_MISSING, ERR_MILLRACE_JOB_FILE_THREW, ERR_MILLRACE_JOB_NOT_FOUND,
 *   ERR_MILLRACE_TS_LOADER
 */
export async function loadJob(address: JobAddress, clock: Clock): Promise<LoadedJob> {
  markWorkerThread();
  process.setSourceMapsEnabled(true);
  const slowMs = (await ensureTypeScript(address.url)) === 'tsx' ? SLOW_WITH_TSX_MS : SLOW_MS;
  const from = clock.monotonic();
  const outcome = await imported(address, clock);
  const loadMs = clock.monotonic() - from;
  const job = findJob(address.name, address.url);
  if (job === undefined) throw notFound(address, outcome);
  return { job, loadMs, hints: hints(address, outcome, loadMs, slowMs) };
}

/** Settles when the file is as far as it goes in a worker. */
function imported(address: JobAddress, clock: Clock): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    let stall: { cancel(): void } | undefined;
    const settle = (act: () => void): void => {
      stopListening();
      stall?.cancel();
      act();
    };
    const stopListening = listen((event: RegistryEvent) => {
      if (event.type === 'parked') settle(() => resolve('parked'));
      else if (event.job.name === address.name) {
        stall ??= clock.after(STALL_MS, () => settle(() => resolve('stalled')));
      }
    });
    importJobFile(address.url).then(
      () => settle(() => resolve('finished')),
      (error: unknown) => settle(() => reject(error)),
    );
  });
}

function notFound(address: JobAddress, outcome: Outcome): Error {
  const name = JSON.stringify(address.name);
  const file = shown(address.url);
  const others = jobsOf(address.url).map((each) => JSON.stringify(each.name));
  const defines = others.length === 0 ? 'It defines no job' : `It defines ${others.join(', ')}`;
  const cure =
    outcome === 'parked'
      ? 'It calls run() before that: what follows is never reached in a worker thread. Define all jobs of a file ' +
        'before the first run()'
      : `${defines}. Define it at the top level of the module, with a constant name, not inside a function or a test ` +
        'callback; if a helper in another file calls job(), pass it { url: import.meta.url }; or use threads: 0';
  return millraceError(
    'ERR_MILLRACE_JOB_NOT_FOUND',
    `job ${name} was not defined while loading ${file}. ${cure}`,
    {
      context: { job: address.name, file },
    },
  );
}

function hints(address: JobAddress, outcome: Outcome, loadMs: number, slowMs: number): string[] {
  const found: string[] = [];
  const of = `job ${JSON.stringify(address.name)}: ${shown(address.url)}`;
  if (outcome === 'stalled') {
    found.push(
      `${of} still waits at its top level ${STALL_MS} ms after it defined the job; threads go on without its end. ` +
        'Await nothing at the top level but run()',
    );
  } else if (loadMs > slowMs) {
    found.push(
      `${of} takes ${Math.round(loadMs)} ms to load, in each thread anew. What only the main program needs belongs ` +
        'in another file, or behind run()',
    );
  }
  // Node has no other way to ask; the list is of this thread alone.
  if (
    process
      .getActiveResourcesInfo()
      .some((each) => each === 'TCPServerWrap' || each === 'PipeServerWrap')
  ) {
    found.push(
      `${of} opens a listening socket while it is loaded, in each thread anew. Open it behind run(), or in another file`,
    );
  }
  return found;
}
