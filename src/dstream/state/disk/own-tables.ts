/** The tables of one operator in one partition, made anew for each life of its task, and removed with it. */
import { join } from 'node:path';
import { realEnv } from '../../../env/real.ts';
import { millraceError } from '../../../errors.ts';
import type { OperatorScene } from '../../run/operators.ts';
import { openTables, type Tables } from './tables.ts';

export function ownTables({ node, partition, store }: OperatorScene): {
  readonly tables: Tables;
  readonly close: () => void;
} {
  const { stateDirectory: directory, life = 'once', env } = store ?? {};
  if (directory === undefined)
    throw millraceError(
      'ERR_MILLRACE_STATE_STORE',
      `${node.uid} at ${node.callSite} keeps its state on disk, and has no directory for it`,
      { context: { operator: node.uid, callSite: node.callSite } },
    );
  const { disk } = env ?? realEnv();
  const prefix = `store-${encodeURIComponent(node.uid)}-${partition}-`;
  // What a life left that ended without a word. A thread that lives on without its task keeps what it has open.
  for (const name of disk.listDirectories(directory))
    if (name.startsWith(prefix)) disk.removeDirectory(join(directory, name));
  const path = join(directory, `${prefix}${encodeURIComponent(life)}`);
  disk.makeDirectory(path);
  const tables = openTables(path);
  return {
    tables,
    close: () => {
      tables.close();
      disk.removeDirectory(path);
    },
  };
}
