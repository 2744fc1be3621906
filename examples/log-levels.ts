/**
 * Watches a directory for log files and counts their lines by level; shows the first errors of each batch.
 *
 *     npx millrace run examples/log-levels.ts --args '{"directory":"/var/log/app"}'
 *
 * `words` and `grep` are declared, not closures: Millrace knows what they do, so it reads, filters and counts bytes
 * and makes a string only of what is left at the end. Move files into the directory whole (write them elsewhere on the
 * same disk, then rename), or a batch may see half of one.
 */
import { job } from 'millrace';

export default job(
  'log-levels',
  { batchInterval: '1s' },
  (ssc, args: { directory: string; newFilesOnly?: boolean }) => {
    const lines = ssc.textFileStream(args.directory, { newFilesOnly: args.newFilesOnly ?? true });
    lines
      .words()
      .grep(/^(DEBUG|INFO|WARN|ERROR)$/)
      .countByValue()
      .print();
    lines.grep(' ERROR ').print(3);
  },
);
