/**
 * When a window fires and what it takes, on a grid that counts from `zeroTime`. Pure arithmetic.
 *
 * Time is cut into *panes*: pane n covers (zeroTime + (n - 1) · paneMs, zeroTime + n · paneMs], and paneMs is the
 * greatest common divisor of window and slide. So a window is a whole number of panes, and so is a slide: a batch is
 * worked on once, when it comes into its pane, and from then on windows are made of panes.
 *
 * I1  The window that fires at pane n takes the panes (n - panes, n]. The first windows are short.
 * I2  Window and slide are multiples of the parent's slide, so a batch lies in one pane.
 */
export class WindowGrid {
  /** Panes of a window. */
  readonly panes: number;
  /** Panes of a slide. */
  readonly panesASlide: number;
  readonly paneMs: number;
  readonly slideMs: number;

  constructor(windowMs: number, slideMs: number) {
    this.slideMs = slideMs;
    this.paneMs = greatestCommonDivisor(windowMs, slideMs);
    this.panes = windowMs / this.paneMs;
    this.panesASlide = slideMs / this.paneMs;
  }

  /** Whether the stream has a batch so many ms after `zeroTime`. */
  fires(sinceZeroMs: number): boolean {
    return sinceZeroMs > 0 && sinceZeroMs % this.slideMs === 0;
  }

  /** The pane of a batch. */
  paneAt(sinceZeroMs: number): number {
    return Math.ceil(sinceZeroMs / this.paneMs);
  }

  /** Whether the pane ends there. */
  endsPane(sinceZeroMs: number): boolean {
    return sinceZeroMs % this.paneMs === 0;
  }

  /** Whether any window takes the pane: with a slide longer than the window, some lie between two. */
  isTaken(pane: number): boolean {
    const fires = Math.ceil(pane / this.panesASlide) * this.panesASlide;
    return pane > fires - this.panes;
  }
}

function greatestCommonDivisor(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}
