/** Where the demo shows itself: a table on a terminal, plain lines anywhere else. */
import type { DemoView } from './demo-model.ts';
import { demoTable } from './demo-table.ts';
import { Screen } from './screen.ts';

export interface DisplayOptions {
  /** There is a terminal to draw on. */
  readonly interactive: boolean;
  /** What the table shows now. */
  readonly view: () => DemoView;
  readonly key: (key: string) => void;
  /** Takes plain lines. */
  readonly out: (text: string) => void;
}

const FRAME_MS = 100;

export class Display {
  readonly interactive: boolean;
  readonly #options: DisplayOptions;
  #screen: Screen | undefined;
  #frames: NodeJS.Timeout | undefined;

  constructor(options: DisplayOptions) {
    this.interactive = options.interactive;
    this.#options = options;
  }

  open(): void {
    if (!this.interactive) return;
    const draw = (): void => this.#draw();
    this.#screen = new Screen({ key: this.#options.key, resized: draw });
    this.#frames = setInterval(draw, FRAME_MS);
    draw();
  }

  /** A line of what happens. The table has a place of its own for it. */
  line(text: string): void {
    if (!this.interactive) this.#options.out(`${text}\n`);
  }

  /** The terminal is as it was; what is printed from now on stays. */
  close(): void {
    clearInterval(this.#frames);
    this.#screen?.restore();
    this.#screen = undefined;
  }

  #draw(): void {
    const screen = this.#screen;
    if (screen !== undefined)
      screen.draw(demoTable(this.#options.view(), { ...screen.size, color: wantsColor() }));
  }
}

/** Whether there is someone to show a table to and to take keys from. */
export function isInteractive(): boolean {
  return (
    process.stdout.isTTY === true && process.stdin.isTTY === true && process.env['TERM'] !== 'dumb'
  );
}

/** Whether colours are wanted, as https://no-color.org has it. */
function wantsColor(): boolean {
  const { NO_COLOR: noColor } = process.env;
  return noColor === undefined || noColor === '';
}
