/**
 * A terminal while the demo draws on it: the alternate screen, no cursor, keys one by one.
 *
 * I1  However the process ends, short of being killed, the terminal is as it was: `restore` runs on exit too, and
 *     writes synchronously.
 * I2  A frame goes out in one write, over the one before, so nothing flickers.
 */
import { writeSync } from 'node:fs';

const ENTER = '\x1b[?1049h\x1b[?25l\x1b[2J';
const STDOUT = 1;
const LEAVE = '\x1b[?25h\x1b[?1049l';

export interface ScreenListener {
  key(key: string): void;
  /** The size has changed: draw again. */
  resized(): void;
}

export class Screen {
  readonly #input: NodeJS.ReadStream;
  readonly #output: NodeJS.WriteStream;
  readonly #listener: ScreenListener;
  #open = true;

  constructor(listener: ScreenListener) {
    this.#input = process.stdin;
    this.#output = process.stdout;
    this.#listener = listener;
    process.on('exit', this.restore);
    this.#output.write(ENTER);
    this.#output.on('resize', this.#resized);
    this.#input.setRawMode(true);
    this.#input.setEncoding('utf8');
    this.#input.on('data', this.#data);
    this.#input.resume();
  }

  get size(): { readonly columns: number; readonly rows: number } {
    // Some terminals say 0 before they know.
    return { columns: this.#output.columns || 80, rows: this.#output.rows || 24 };
  }

  draw(lines: readonly string[]): void {
    if (!this.#open) return;
    this.#output.write(`\x1b[H${lines.map((line) => `${line}\x1b[K`).join('\r\n')}\x1b[J`);
  }

  readonly restore = (): void => {
    if (!this.#open) return;
    this.#open = false;
    process.off('exit', this.restore);
    this.#output.off('resize', this.#resized);
    this.#input.off('data', this.#data);
    try {
      this.#input.setRawMode(false);
      this.#input.pause();
      writeSync(STDOUT, LEAVE);
    } catch {
      // The terminal is gone.
    }
  };

  readonly #resized = (): void => this.#listener.resized();

  readonly #data = (keys: string): void => {
    for (const key of keys) this.#listener.key(key);
  };
}
