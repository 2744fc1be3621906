/** Every script of chaos/ holds, with the number of each counter that it claims. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ChaosScript } from 'millrace/testing';
import { runChaos, reportText } from 'millrace/testing';
import { describe, expect, it } from 'vitest';

const GALLERY = new URL('../../../chaos/', import.meta.url);
/** Jobs, by the script's name where it isn't numbers.ts. */
const JOBS: Readonly<Record<string, string>> = {
  '25-throws-at-import.ts': 'throws-at-import.ts',
  'topology-kills.ts': 'numbers-topology.ts',
  '14-process-kills.ts': 'durable.ts',
  '18-disk-full.ts': 'durable.ts',
  '18-disk-broken.ts': 'durable.ts',
};
/** What takes minutes. */
const LONG = new Set(['soak.ts', 'soak-topology.ts']);
const OTHERS = new Set(['numbers.ts', 'counts.ts', ...LONG, ...Object.values(JOBS)]);
const scripts = readdirSync(fileURLToPath(GALLERY)).filter(
  (name) => name.endsWith('.ts') && !OTHERS.has(name),
);

describe('chaos', () => {
  it.each(scripts)('%s', async (name) => {
    const { default: script } = (await import(new URL(name, GALLERY).href)) as {
      default: ChaosScript;
    };
    const job = JOBS[name] ?? 'numbers.ts';
    const report = await runChaos(new URL(job, GALLERY), script, { seed: 7 });
    expect(report.failed, reportText(report)).toEqual([]);
    expect(report.ok).toBe(true);
  });
});
