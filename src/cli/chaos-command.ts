/**
 * `millrace chaos <job> --script FILE`: runs a job under faults, prints what was seen and whether the claims hold.
 *
 * The first Ctrl-C ends the faults: the job is drained, and what was seen is judged. The next one ends everything now.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { importJobFile } from '../dstream/import-job-file.ts';
import { MillraceError, millraceError } from '../errors.ts';
import { badScript } from '../testing/chaos/known.ts';
import { pictureOf } from '../testing/chaos/picture.ts';
import { reportText, type ChaosReport } from '../testing/chaos/report.ts';
import { runChaos } from '../testing/chaos/run-chaos.ts';
import { isChaosScript, type ChaosScript } from '../testing/chaos/script.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { StopSwitch } from './signals.ts';
import type { Write } from './voice.ts';

export interface ChaosFlags {
  readonly script: string;
  readonly seed: number;
  readonly json: boolean;
  /** Directory for the report and the picture. */
  readonly report?: string;
  readonly threads?: number;
  readonly args?: unknown;
  /** Tell of each fault when it is done. */
  readonly live: boolean;
}

export async function chaosCommand(
  file: string,
  flags: ChaosFlags,
  out: Write,
  err: Write,
): Promise<ExitCode> {
  const script = await loadScript(flags.script);
  const { report: directory } = flags;
  // Who can't be told of the outcome wants to know it before.
  if (directory !== undefined) {
    try {
      mkdirSync(directory, { recursive: true });
    } catch (error) {
      err(`millrace: --report ${directory} can't be made: ${(error as Error).message}\n`);
      return EXIT.usage;
    }
  }
  const report = await judged(file, script, flags, err);
  if (report === undefined) return EXIT.undrained;
  out(flags.json ? `${JSON.stringify(report)}\n` : reportText(report));
  if (directory !== undefined) {
    const files = writeReport(directory, report);
    if (!flags.json) out(`report: ${files.join(' ')}\n`);
  }
  return report.ok ? EXIT.drained : EXIT.failed;
}

/** Undefined when somebody wanted to leave at once; what is left of the run ends with this process. */
async function judged(
  file: string,
  script: ChaosScript,
  { seed, threads, args, live }: ChaosFlags,
  err: Write,
): Promise<ChaosReport | undefined> {
  const early = new AbortController();
  let leave!: (value: undefined) => void;
  const left = new Promise<undefined>((resolve) => {
    leave = resolve;
  });
  const stopSwitch = new StopSwitch({
    drain: (why) => {
      err(`millrace: ${why}: no more faults, the job is drained; again: stops now\n`);
      early.abort();
    },
    now: () => leave(undefined),
  });
  const running = runChaos(file, script, {
    seed,
    signal: early.signal,
    ...(live ? { progress: (line) => err(`${line}\n`) } : {}),
    ...(threads === undefined ? {} : { threads }),
    ...(typeof args === 'object' && args !== null ? { args } : {}),
  });
  try {
    return await Promise.race([running, left]);
  } finally {
    stopSwitch[Symbol.dispose]();
  }
}

/** @throws ERR_MILLRACE_BAD_SCRIPT, ERR_MILLRACE_NO_SCRIPT, ERR_MILLRACE_JOB_FILE_MISSING, ERR_MILLRACE_TS_LOADER */
async function loadScript(file: string): Promise<ChaosScript> {
  const { default: script } = await importJobFile(
    pathToFileURL(resolve(file)).href,
    'chaos script',
  ).catch((error: unknown) => {
    throw error instanceof MillraceError && error.code === 'ERR_MILLRACE_JOB_FILE_THREW'
      ? badScript(error.message.replace(/^chaos script /, ''), error.cause)
      : error;
  });
  if (isChaosScript(script)) return script;
  throw millraceError(
    'ERR_MILLRACE_NO_SCRIPT',
    `${file}: its default export is not what chaos() gives`,
    { context: { file } },
  );
}

function writeReport(directory: string, report: ChaosReport): string[] {
  const [json, svg] = ['chaos.json', 'chaos.svg'].map((name) => join(directory, name));
  writeFileSync(json!, `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(svg!, pictureOf(report));
  return [json!, svg!];
}
