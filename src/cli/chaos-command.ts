/** `millrace chaos <job> --script FILE`: runs a job under faults, prints what was seen and whether the claims hold. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { importJobFile } from '../dstream/import-job-file.ts';
import { millraceError } from '../errors.ts';
import { pictureOf } from '../testing/chaos/picture.ts';
import { reportText, type ChaosReport } from '../testing/chaos/report.ts';
import { runChaos } from '../testing/chaos/run-chaos.ts';
import { isChaosScript, type ChaosScript } from '../testing/chaos/script.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import type { Write } from './voice.ts';

export interface ChaosFlags {
  readonly script: string;
  readonly seed: number;
  readonly json: boolean;
  /** Directory for the report and the picture. */
  readonly report?: string;
  readonly threads?: number;
  readonly args?: unknown;
}

export async function chaosCommand(file: string, flags: ChaosFlags, out: Write): Promise<ExitCode> {
  const script = await loadScript(flags.script);
  const { seed, threads, args } = flags;
  const report = await runChaos(file, script, {
    seed,
    ...(threads === undefined ? {} : { threads }),
    ...(typeof args === 'object' && args !== null ? { args } : {}),
  });
  out(flags.json ? `${JSON.stringify(report)}\n` : reportText(report));
  if (flags.report !== undefined) {
    const files = writeReport(flags.report, report);
    if (!flags.json) out(`report: ${files.join(' ')}\n`);
  }
  return report.ok ? EXIT.drained : EXIT.failed;
}

/** @throws ERR_MILLRACE_NO_SCRIPT, and what loading a job's file throws */
async function loadScript(file: string): Promise<ChaosScript> {
  const { default: script } = await importJobFile(pathToFileURL(resolve(file)).href);
  if (isChaosScript(script)) return script;
  throw millraceError(
    'ERR_MILLRACE_NO_SCRIPT',
    `${file}: its default export is not what chaos() gives`,
    { context: { file } },
  );
}

function writeReport(directory: string, report: ChaosReport): string[] {
  mkdirSync(directory, { recursive: true });
  const [json, svg] = ['chaos.json', 'chaos.svg'].map((name) => join(directory, name));
  writeFileSync(json!, `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(svg!, pictureOf(report));
  return [json!, svg!];
}
