/** What `millrace inspect` shows to people. Pure. */
import type {
  CheckpointFound,
  Inspection,
  LogFound,
  OperatorFound,
} from '../run/inspect/inspection.ts';
import { toJson } from '../run/inspect/json-values.ts';

const MAX_POSITION = 100;

export function inspectionText(found: Inspection): string {
  const { checkpoints, logs, operators, problems } = found;
  const good = checkpoints.find((each) => each.problems.length === 0);
  return [
    ...headOf(found),
    '',
    'Checkpoints',
    ...(checkpoints.length === 0 ? ['  none was complete'] : checkpoints.flatMap(checkpointLines)),
    ...problems.map((problem) => `  ! ${problem}`),
    '',
    'Logs',
    ...(logs.length === 0 ? ['  none'] : logs.flatMap(logLines)),
    '',
    good === undefined ? 'State' : `State at checkpoint ${good.id}`,
    ...(operators.length === 0 ? ['  none'] : operators.flatMap(operatorLines)),
    '',
  ].join('\n');
}

function headOf(found: Inspection): string[] {
  const { directory, job, runs, startedAt, batchIntervalMs, partitions } = found;
  const since = startedAt === undefined ? '' : `, the newest since ${date(startedAt)}`;
  return [
    directory,
    runs === 0
      ? `A savepoint of the job ${job}`
      : `Checkpoints of the job ${job}: ${count(runs, 'run')}${since}`,
    `A batch each ${batchIntervalMs} ms, ${count(partitions, 'partition')} where none are named`,
  ];
}

function checkpointLines({
  id,
  time,
  writtenAt,
  run,
  files,
  bytes,
  problems,
}: CheckpointFound): string[] {
  const health = problems.length === 0 ? 'good' : 'DAMAGED';
  return [
    `  ${id}  ${health}  batch ${date(time)}, written ${date(writtenAt)} by run ${run}, ` +
      `${count(files, 'file')}, ${size(bytes)}`,
    ...problems.map((problem) => `     ! ${problem}`),
  ];
}

function logLines({
  source,
  records,
  bytes,
  synced,
  last,
  cuts,
  position,
  problems,
}: LogFound): string[] {
  if (problems.length > 0)
    return [`  ${source}  DAMAGED  ${size(bytes)}`, ...problems.map((each) => `     ! ${each}`)];
  const unsynced = last - synced;
  return [
    `  ${source}  good  ${count(records, 'record')}, ${size(bytes)}` +
      (unsynced === 0 ? '' : `, ${unsynced} not known to be synced`) +
      (cuts === undefined ? '' : `, barriers ${cuts[0]} to ${cuts[1]}`),
    ...(position === undefined ? [] : [`     at ${short(JSON.stringify(toJson(position)))}`]),
  ];
}

function operatorLines(operator: OperatorFound): string[] {
  const { uid, kind, callSite, partitions, bytes, entries, stateVersion = 1, cells } = operator;
  const version = stateVersion === 1 ? '' : `, version ${stateVersion}`;
  return [
    `  ${uid}  ${entriesOf(entries)}${size(bytes)}, ${count(partitions, 'partition')}${version}   ${kind} at ${callSite}`,
    ...(cells.length < 2
      ? []
      : cells.map((cell) => `     ${cell.name}  ${entriesOf(cell.entries)}${size(cell.bytes)}`)),
  ];
}

function entriesOf(entries: number | undefined): string {
  if (entries === undefined) return '';
  return `${entries.toLocaleString('en-US')} ${entries === 1 ? 'entry' : 'entries'}, `;
}

function count(number: number, what: string): string {
  return `${number.toLocaleString('en-US')} ${what}${number === 1 ? '' : 's'}`;
}

function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  if (bytes < 1e9) return `${(bytes / 1e6).toFixed(1)} MB`;
  return `${(bytes / 1e9).toFixed(2)} GB`;
}

function date(ms: number): string {
  return Math.abs(ms) < 8.64e15 ? new Date(ms).toISOString() : String(ms);
}

function short(text: string): string {
  return text.length <= MAX_POSITION ? text : `${text.slice(0, MAX_POSITION)}…`;
}
