/**
 * Loads a job in a worker thread and says what came of it: `node start-thread.mjs <dist> <file> <name>`. Prints one line of
 * JSON. It is its own worker.
 */
import { pathToFileURL } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

if (isMainThread) {
  const [dist, file, name] = process.argv.slice(2);
  const from = pathToFileURL(`${dist}/`).href;
  const worker = new Worker(new URL(import.meta.url), {
    workerData: { from, url: pathToFileURL(file).href, name },
  });
  worker.on('message', (message) => console.log(JSON.stringify(message)));
  worker.on('error', (error) => console.log(JSON.stringify({ died: String(error) })));
} else {
  const ours = (path) => import(new URL(path, workerData.from));
  const { buildGraph } = await ours('dstream/build-graph.js');
  const { loadJob } = await ours('dstream/load-job.js');
  const { clock } = (await ours('env/real.js')).realEnv();
  try {
    // Twenty times as impatient, so that the test needn't be patient.
    const quick = {
      ...clock,
      monotonic: () => clock.monotonic(),
      after: (ms, run) => clock.after(ms / 20, run),
    };
    const { job, hints } = await loadJob(workerData, quick);
    const graph = buildGraph(job, undefined);
    // The functions work here, with what the file defined around them.
    const results = graph.nodes.flatMap(({ functions: { f } }) =>
      f === undefined ? [] : [f('a')],
    );
    parentPort.postMessage({ name: job.name, url: job.url, results, hints });
  } catch (error) {
    parentPort.postMessage({
      code: error.code,
      message: error.message,
      cause: String(error.cause ?? ''),
    });
  }
  // A job file may have left something open.
  process.exit();
}
