/** A vitest reporter that writes how many tests passed and failed, for scripts/test.mjs. */
import { writeFileSync } from 'node:fs';

export default class CountReporter {
  onTestRunEnd(modules, unhandledErrors) {
    let passed = 0;
    let failed = unhandledErrors.length;
    for (const module of modules) {
      const before = failed;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') passed += 1;
        else if (state === 'failed') failed += 1;
      }
      // The file couldn't be loaded, or a hook threw: no test of its own says so.
      if (!module.ok() && failed === before) failed += 1;
    }
    const file = process.env.MILLRACE_TEST_COUNTS;
    if (file) writeFileSync(file, JSON.stringify({ passed, failed }));
  }
}
