/** Scenario 25: the job's file throws when a worker loads it. The start fails with that error, and nothing is left pending. Its job is throws-at-import.ts. */
import { chaos } from 'millrace/testing';

export default chaos((c) => {
  c.for('15s');
  c.claim.fails('ERR_MILLRACE_JOB_FILE_THREW', /not in a worker/);
  c.claim.exit(70);
});
