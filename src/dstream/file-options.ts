/** What streams of files take, and its checks. Used by the thread that builds a job. */
import type { UserFunction } from '../plan/graph.ts';
import {
  badOption,
  type Caller,
  checkBoolean,
  checkFunction,
  checkInteger,
  checkOptions,
  checkRate,
  checkText,
} from './arguments.ts';
import { type Duration, durationMs } from './duration.ts';

export interface FileSourceOptions {
  /** Leaves out files that are older than the start. @default true */
  readonly newFilesOnly?: boolean;
  /**
   * Which files are wanted, by name and by path. Runs on the thread of the sources, so it must be quick.
   * @default those whose name doesn't begin with a dot
   */
  readonly filter?: (name: string, path: string) => boolean;
  /**
   * How long a file must have been left alone before it is taken: until then it may be one that is being copied. In
   * `runBatches` it is 0. @default '1s'
   */
  readonly settle?: Duration;
  /** How far back a modification time may lie; rounded up to whole batches. More than `settle`. @default '1m' */
  readonly remember?: Duration;
  /** `'auto'` goes by the ending of the name: `.gz`, `.zst`. `'zstd'` takes Node 22.15. @default 'auto' */
  readonly compression?: 'auto' | 'none' | 'gzip' | 'zstd';
  /** The longest line, or record of CSV, in bytes. @default 1048576 (1 MiB) */
  readonly maxLineBytes?: number;
  /**
   * What becomes of a line that is no record of its format, and of the rest of a file that is cut off: the job fails with
   * ERR_MILLRACE_BAD_RECORD or ERR_MILLRACE_BAD_FILE, or it is left out and told of as a `deadLetter`. @default 'fail'
   */
  readonly onBadRecord?: 'fail' | 'deadLetter';
  /** Records a second that are read at most; a line of text is a record. @default as the run's `maxRate` */
  readonly maxRate?: number;
  /** A name in place of `textFileStream#1`, as by `named`. */
  readonly name?: string;
}

export interface TextFileOptions extends FileSourceOptions {
  /**
   * What to do with a line that is longer than `maxLineBytes`: `'fail'` the job with ERR_MILLRACE_LINE_TOO_LONG, `'cut'`
   * it, or `'skip'` it. Cut and skipped lines are counted. @default 'fail'
   */
  readonly onLongLine?: 'fail' | 'cut' | 'skip';
}

export interface CsvOptions {
  /**
   * The names of the fields: records are objects then, and a line that is the header itself is none. Without it a record
   * is an array of fields.
   */
  readonly header?: readonly string[];
  /** One character. @default ',' */
  readonly separator?: string;
}

export interface CsvFileOptions extends FileSourceOptions {
  readonly format: 'csv';
  /** `true`: the first record of each file names its fields. Else as of `parseCsv`. @default false */
  readonly header?: boolean | readonly string[];
  /** One character. @default ',' */
  readonly separator?: string;
}

export interface JsonFileOptions extends FileSourceOptions {
  /** A record a line. */
  readonly format: 'json';
}

export interface BinaryFileOptions extends FileSourceOptions {
  readonly format: 'binary';
  /** Bytes of a record. */
  readonly recordLength: number;
}

export interface PlainFileOptions extends TextFileOptions {
  readonly format?: 'text';
}

export type FileStreamOptions =
  | PlainFileOptions
  | JsonFileOptions
  | CsvFileOptions
  | BinaryFileOptions;

/** Of all options, whatever the format. */
interface AnyOptions extends TextFileOptions {
  readonly format?: string;
  readonly header?: boolean | readonly string[];
  readonly separator?: string;
  readonly recordLength?: number;
}

export interface FileNode {
  readonly functions: Readonly<Record<string, UserFunction>>;
  readonly params: Readonly<Record<string, unknown>>;
  readonly name: string | undefined;
}

const KNOWN: readonly string[] = [
  'newFilesOnly',
  'filter',
  'settle',
  'remember',
  'compression',
  'maxLineBytes',
  'onBadRecord',
  'maxRate',
  'name',
];
const OF_FORMAT: Readonly<Record<string, readonly string[]>> = {
  text: ['onLongLine'],
  json: [],
  csv: ['header', 'separator'],
  binary: ['recordLength'],
};

/**
 * @param fixed what the caller has decided: a format that the options don't name, say
 * @throws ERR_MILLRACE_BAD_OPTION, ERR_MILLRACE_BAD_DURATION
 */
export function fileNode(
  caller: Caller,
  directory: unknown,
  options: unknown,
  fixed: { readonly format?: string; readonly recordLength?: unknown } = {},
): FileNode {
  checkText(caller, 'directory', directory);
  const formatOf = (options as { format?: unknown } | null | undefined)?.format ?? 'text';
  const format = fixed.format ?? formatOf;
  if (typeof format !== 'string' || !Object.hasOwn(OF_FORMAT, format))
    throw badOption(caller, 'format', "'text', 'json', 'csv' or 'binary'", format);
  const own = fixed.recordLength === undefined ? OF_FORMAT[format]! : [];
  checkOptions(caller, options, [
    ...(fixed.format === undefined ? ['format'] : []),
    ...KNOWN,
    ...own,
  ]);
  const given = options as AnyOptions;
  const { newFilesOnly = true, filter, settle = '1s', remember = '1m', name, maxRate } = given;
  const { compression = 'auto', maxLineBytes = 1_048_576, onBadRecord = 'fail' } = given;
  checkBoolean(caller, 'newFilesOnly', newFilesOnly);
  if (filter !== undefined) checkFunction(caller, 'filter', filter);
  checkOneOf(caller, 'compression', compression, ['auto', 'none', 'gzip', 'zstd']);
  checkInteger(caller, 'maxLineBytes', maxLineBytes);
  checkOneOf(caller, 'onBadRecord', onBadRecord, ['fail', 'deadLetter']);
  checkRate(caller, maxRate);
  const settleMs = durationMs(settle, 'settle', 0, caller.callSite);
  const rememberMs = durationMs(remember, 'remember', 1, caller.callSite);
  if (settleMs >= rememberMs)
    throw badOption(caller, 'settle', `less than remember (${rememberMs} ms)`, settle);
  return {
    functions: filter === undefined ? {} : { filter },
    params: {
      directory,
      format,
      newFilesOnly,
      settleMs,
      rememberMs,
      compression,
      maxLineBytes,
      onBadRecord,
      maxRate,
      ...formatParams(caller, format, { ...given, ...fixed } as AnyOptions),
    },
    name,
  };
}

function formatParams(
  caller: Caller,
  format: string,
  options: AnyOptions,
): Readonly<Record<string, unknown>> {
  const { onLongLine = 'fail', recordLength } = options;
  switch (format) {
    case 'text':
      checkOneOf(caller, 'onLongLine', onLongLine, ['fail', 'cut', 'skip']);
      return { onLongLine };
    case 'binary':
      // A piece of a file goes to a worker as one record of the edge.
      checkInteger(caller, 'recordLength', recordLength, 1, 1_048_576);
      return { recordLength };
    case 'csv':
      return csvParams(caller, options);
    default:
      return {};
  }
}

/** Of CSV in files and in lines. */
export function csvParams(
  caller: Caller,
  { header, separator = ',' }: Pick<CsvFileOptions, 'header' | 'separator'>,
): { readonly header?: boolean | readonly string[]; readonly separator: string } {
  if (typeof separator !== 'string' || !/^[\0-\x7f]$/.test(separator) || /["\r\n]/.test(separator))
    throw badOption(
      caller,
      'separator',
      'one ASCII character, and neither " nor a line end',
      separator,
    );
  if (header === undefined) return { separator };
  const isNames =
    Array.isArray(header) &&
    header.length > 0 &&
    header.every((each) => typeof each === 'string') &&
    new Set(header).size === header.length;
  if (!isNames && typeof header !== 'boolean')
    throw badOption(caller, 'header', 'an array of different names', header);
  return { header, separator };
}

function checkOneOf(
  caller: Caller,
  option: string,
  given: unknown,
  allowed: readonly string[],
): void {
  if (typeof given === 'string' && allowed.includes(given)) return;
  const list = allowed.map((each) => `'${each}'`);
  throw badOption(caller, option, `${list.slice(0, -1).join(', ')} or ${list.at(-1)}`, given);
}
