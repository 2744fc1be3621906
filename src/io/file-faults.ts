/**
 * What is wrong with files, told: the job fails, or a part is left out and told of as a dead letter. Part of
 * `files-source.ts`.
 *
 * I1  A batch that is given again tells nothing: who gave it first has told.
 */
import { millraceError, toWire } from '../errors.ts';
import type { PieceCutter } from './piece-cutter.ts';
import type { SourceContext } from './source.ts';

/** How far a file was read. */
export interface FilePlace {
  readonly path: string;
  readonly offset: number;
  readonly line: number;
}

export interface FileFaultsOptions {
  readonly isText: boolean;
  readonly maxLineBytes: number;
  /** What is bad is left out. */
  readonly mayLeaveOut: boolean;
}

export class FileFaults {
  /** The batch is given again. */
  isAgain = false;
  readonly #context: SourceContext;
  readonly #options: FileFaultsOptions;

  constructor(context: SourceContext, options: FileFaultsOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** The rest of the file is no good: true when it is left out. */
  rest(file: FilePlace, reason: string): boolean {
    const { name } = this.#context;
    const error = millraceError(
      'ERR_MILLRACE_BAD_FILE',
      `${name}: ${file.path} can't be read behind byte ${file.offset} of its content: ${reason}. ` +
        "Put a whole file in its place; or say onBadRecord: 'deadLetter' to leave such a rest out",
      { context: { source: name, path: file.path, offset: file.offset } },
    );
    if (!this.#options.mayLeaveOut) {
      this.#context.fail(error);
      return false;
    }
    this.#letter(file, `what follows byte ${file.offset}`, error);
    return true;
  }

  /** A line is too long, and may not be left out. */
  tooLong(file: FilePlace): void {
    this.#context.fail(this.#lineTooLong(file));
  }

  /** Counts lines that were cut or left out. Of other formats than text those are records. */
  skipped(cutter: PieceCutter, file: FilePlace): void {
    const { linesCut, linesSkipped } = cutter;
    if (linesCut + linesSkipped === 0) return;
    cutter.linesCut = cutter.linesSkipped = 0;
    if (this.isAgain) return;
    if (linesCut > 0) this.#context.counted('linesCut', linesCut);
    if (linesSkipped > 0) this.#context.counted('linesSkipped', linesSkipped);
    if (!this.#options.isText)
      this.#letter(file, 'a line that is too long', this.#lineTooLong(file));
  }

  #letter(file: FilePlace, what: string, error: Error): void {
    if (this.isAgain) return;
    this.#context.tell({
      type: 'deadLetter',
      reason: 'badFile',
      record: `${what} of ${file.path}`,
      file: file.path,
      offset: file.offset,
      error: toWire(error),
    });
  }

  #lineTooLong({ path, line }: FilePlace): Error {
    const { isText, maxLineBytes } = this.#options;
    const [where, cure] = isText
      ? ['', "onLongLine: 'cut' or 'skip'"]
      : [` behind line ${line}`, "onBadRecord: 'deadLetter'"];
    return millraceError(
      'ERR_MILLRACE_LINE_TOO_LONG',
      `${this.#context.name}: a line of ${path}${where} is longer than ${maxLineBytes} bytes, its maxLineBytes. ` +
        `Raise it (and retainBytes to at least eight times as much), or say ${cure}`,
      { context: { source: this.#context.name, path, maxLineBytes } },
    );
  }
}
