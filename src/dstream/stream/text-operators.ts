/** Operators on lines of text that say what is to be done. Of DStream; used by the thread that builds a job. */
import { badOption, type Caller, checkOptions, checkText } from '../arguments.ts';
import type { DStream } from '../dstream.ts';
import { csvParams, type CsvOptions } from '../file-options.ts';
import type { NodeParams } from './core.ts';
import { RecordOperators } from './record-operators.ts';

export interface ParseOptions {
  /**
   * What becomes of a record that can't be parsed: its batch fails with ERR_MILLRACE_BAD_RECORD, or it is passed over,
   * counted, and told of as a `deadLetter`. @default as the run's `supervision.onRecordError`, which is 'fail'
   */
  readonly onBadRecord?: 'fail' | 'deadLetter';
}

/** And what a stream of text has. */
export abstract class TextOperators<T> extends RecordOperators<T> {
  // ── Declared text ─────────────────────────────────────────────────────────────────────────────
  // They say what is to be done instead of how, so that a chain of them which ends in countByValue() or count() runs
  // over bytes. They give what their closure form gives. By partition.

  /** The words of each line: what lies between runs of ASCII white space. None is empty. */
  words(this: DStream<string>): DStream<string> {
    return this.narrow(this.caller('words'));
  }

  /** The parts of each line between separators, empty ones too: JavaScript's `line.split(separator)`. */
  split(this: DStream<string>, separator: string): DStream<string> {
    const caller = this.caller('split');
    if (typeof separator !== 'string') throw badOption(caller, 'separator', 'text', separator);
    return this.narrow(caller, { separator });
  }

  /** The lines that contain the text, or that the pattern matches anywhere. A sticky pattern (`y`) is refused. */
  grep(this: DStream<string>, pattern: string | RegExp): DStream<string> {
    const caller = this.caller('grep');
    if (typeof pattern === 'string') return this.narrow(caller, { needle: pattern });
    if (!(pattern instanceof RegExp))
      throw badOption(caller, 'pattern', 'text or a regular expression', pattern);
    if (pattern.sticky)
      throw badOption(
        caller,
        'pattern',
        'without the flag y (begin it with ^ instead)',
        String(pattern),
      );
    return this.narrow(caller, { source: pattern.source, flags: pattern.flags.replace('g', '') });
  }

  /** The parts of each line between separators, as one array: JavaScript's `line.split(separator)`. */
  fields(this: DStream<string>, separator: string): DStream<string[]> {
    const caller = this.caller('fields');
    checkText(caller, 'separator', separator);
    return this.narrow(caller, { separator });
  }

  /** What each line says in JSON. An empty line gives none. */
  parseJson<R = unknown>(this: DStream<string>, options: ParseOptions = {}): DStream<R> {
    const caller = this.caller('parseJson');
    checkOptions(caller, options, ['onBadRecord']);
    return this.narrow(caller, badRecordParams(caller, options));
  }

  /**
   * The fields of each line of CSV: an object of them with `header`, else an array. A record is one line: a quoted field
   * may hold a line end only if the record of the stream does. An empty line gives none.
   */
  parseCsv(
    this: DStream<string>,
    options: ParseOptions & CsvOptions & { readonly header: readonly string[] },
  ): DStream<Record<string, string>>;
  parseCsv(this: DStream<string>, options?: ParseOptions & CsvOptions): DStream<string[]>;
  parseCsv(this: DStream<string>, options: ParseOptions & CsvOptions = {}): DStream<never> {
    const caller = this.caller('parseCsv');
    checkOptions(caller, options, ['header', 'separator', 'onBadRecord']);
    const { header } = options as { header?: unknown };
    if (typeof header === 'boolean') throw badOption(caller, 'header', 'an array of names', header);
    return this.narrow(caller, {
      ...csvParams(caller, options),
      ...badRecordParams(caller, options),
    });
  }

  /** Each line without white space at its ends: JavaScript's `trim`. */
  trim(this: DStream<string>): DStream<string> {
    return this.narrow(this.caller('trim'));
  }

  /** Each line in lower case: JavaScript's `toLowerCase`. */
  toLowerCase(this: DStream<string>): DStream<string> {
    return this.narrow(this.caller('toLowerCase'));
  }
}

function badRecordParams(caller: Caller, { onBadRecord }: ParseOptions): NodeParams {
  if (onBadRecord === undefined) return {};
  if (onBadRecord !== 'fail' && onBadRecord !== 'deadLetter')
    throw badOption(caller, 'onBadRecord', "'fail' or 'deadLetter'", onBadRecord);
  return { onRecordError: onBadRecord === 'fail' ? 'fail' : 'skip' };
}
