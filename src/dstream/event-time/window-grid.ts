/**
 * Where windows of event time lie. Time is cut into panes as long as the greatest common divisor of size and slide; a
 * window is a whole number of panes, so is a slide. Pure arithmetic.
 *
 * I1  Pane p covers [offset + p · pane, offset + (p + 1) · pane); window w takes panes w · step … w · step + panes - 1.
 */
import { greatestCommonDivisor, type WindowParams } from './window.ts';

export class WindowGrid {
  readonly sizeMs: number;
  readonly slideMs: number;
  readonly offsetMs: number;
  readonly paneMs: number;
  /** Panes of a window. */
  readonly panes: number;
  /** Panes of a slide. */
  readonly step: number;

  constructor({ sizeMs, slideMs, offsetMs }: Extract<WindowParams, { kind: 'sliding' }>) {
    this.sizeMs = sizeMs;
    this.slideMs = slideMs;
    this.offsetMs = offsetMs;
    this.paneMs = greatestCommonDivisor(sizeMs, slideMs);
    this.panes = sizeMs / this.paneMs;
    this.step = slideMs / this.paneMs;
  }

  paneAt(timeMs: number): number {
    return Math.floor((timeMs - this.offsetMs) / this.paneMs);
  }

  /** The first and the last window that take a pane. With a slide longer than the size there may be none: last < first. */
  firstWindow(pane: number): number {
    return Math.ceil((pane - this.panes + 1) / this.step);
  }

  lastWindow(pane: number): number {
    return Math.floor(pane / this.step);
  }

  firstPane(window: number): number {
    return window * this.step;
  }

  startMs(window: number): number {
    return this.offsetMs + window * this.slideMs;
  }

  endMs(window: number): number {
    return this.startMs(window) + this.sizeMs;
  }

  /** The last window that ends at or before that time. */
  lastEnded(timeMs: number): number {
    return Math.floor((timeMs - this.sizeMs - this.offsetMs) / this.slideMs);
  }
}
