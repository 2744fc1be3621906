/**
 * `millrace inspect <dir>`: what lies in a checkpoint directory or savepoint, and whether it is whole. Beside that
 * `--export` and `--import` of an operator's state as JSON lines.
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { realEnv } from '../env/real.ts';
import { millraceError } from '../errors.ts';
import { inspect, isHealthy } from '../run/inspect/inspection.ts';
import { fromJson, toJson } from '../run/inspect/json-values.ts';
import { exportState, importState, type NewEntry } from '../run/inspect/transfer-state.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { inspectionText } from './inspection-text.ts';
import type { Write } from './voice.ts';

export interface InspectFlags {
  readonly json: boolean;
  /** Uid of the operator whose state is written as JSON lines. */
  readonly export?: string;
  /** Uid of the operator whose state is replaced by that of `file`. */
  readonly import?: string;
  readonly file?: string;
  /** File of `export`, directory of `import`. */
  readonly out?: string;
}

const WRITE_CHARS = 64 * 1024;

export async function inspectCommand(
  directory: string,
  flags: InspectFlags,
  out: Write,
): Promise<ExitCode> {
  const { disk, clock } = realEnv();
  if (flags.import !== undefined) {
    const { import: uid, file, out: to } = flags;
    if (file === undefined || to === undefined)
      throw badUse('--import takes a file of JSON lines, and the new directory with --out');
    const count = await importState({
      disk,
      clock,
      from: directory,
      to,
      uid,
      entries: entriesOf(file, uid),
    });
    out(`${to}: a savepoint in which ${uid} has ${count} entries\n`);
    return EXIT.drained;
  }
  if (flags.file !== undefined) throw badUse(`${flags.file}: only --import takes a file`);
  if (flags.export !== undefined) {
    const lines = linesOf(exportState(disk, directory, flags.export));
    if (flags.out === undefined) for (const text of lines) out(text);
    else writeFile(flags.out, lines);
    return EXIT.drained;
  }
  const found = inspect(disk, directory);
  const logs = found.logs.map((log) =>
    log.position === undefined ? log : { ...log, position: toJson(log.position) },
  );
  out(flags.json ? `${JSON.stringify({ ...found, logs })}\n` : inspectionText(found));
  return isHealthy(found) ? EXIT.drained : EXIT.failed;
}

/** Whole lines, some at a time. */
function* linesOf(entries: Iterable<object>): Generator<string> {
  let text = '';
  for (const entry of entries) {
    const line = Object.fromEntries(
      Object.entries(entry).map(([name, value]) => [name, toJson(value)]),
    );
    text += `${JSON.stringify(line)}\n`;
    if (text.length < WRITE_CHARS) continue;
    yield text;
    text = '';
  }
  if (text !== '') yield text;
}

function writeFile(path: string, pieces: Iterable<string>): void {
  const file = openSync(path, 'w');
  try {
    for (const piece of pieces) writeSync(file, piece);
  } finally {
    closeSync(file);
  }
}

function* entriesOf(file: string, uid: string): Generator<NewEntry> {
  let number = 0;
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    number++;
    if (line.trim() === '') continue;
    let entry: Record<string, unknown>;
    try {
      const parsed = JSON.parse(line) as Record<string, unknown>;
      entry = Object.fromEntries(
        Object.entries(parsed).map(([name, value]) => [name, fromJson(value)]),
      );
    } catch (error) {
      throw badUse(`${file}, line ${number}: ${(error as Error).message}`);
    }
    if (entry['operator'] !== undefined && entry['operator'] !== uid)
      throw badUse(`${file}, line ${number} is of ${String(entry['operator'])}, not of ${uid}`);
    yield entry as unknown as NewEntry;
  }
}

function badUse(message: string): Error {
  return millraceError('ERR_MILLRACE_BAD_ARGS', message);
}
