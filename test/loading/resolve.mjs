/** Resolves a job as the command does: `node resolve.mjs <dist> <JSON of [target, options]>`. Prints one line of JSON. */
import { pathToFileURL } from 'node:url';

const [dist, json] = process.argv.slice(2);
const { resolveJob } = await import(new URL('dstream/resolve-job.js', pathToFileURL(`${dist}/`)));
const { runsAreParked } = await import(new URL('dstream/registry.js', pathToFileURL(`${dist}/`)));
const [target, options] = JSON.parse(json);
try {
  const { job, runOptions } = await resolveJob(target, options);
  console.log(
    JSON.stringify({ name: job.name, url: job.url, runOptions, parked: runsAreParked() }),
  );
} catch (error) {
  console.log(
    JSON.stringify({ code: error.code, message: error.message, parked: runsAreParked() }),
  );
}
process.exit();
