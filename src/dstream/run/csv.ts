/**
 * Reads CSV as RFC 4180 has it: fields between separators; a field that begins with a quote ends with one, may hold
 * separators and line ends, and two quotes in it stand for one. A quote within a field that doesn't begin with one is
 * text. Pure; one reader for each who reads.
 *
 * The libraries at hand read a record in 5 to 120 µs and whole texts at 4 to 110 MB/s (papaparse 5 and csv-parse 7); most
 * records have no quote, and are then no more than a `split`.
 */
const QUOTE = '"';

export class CsvReader {
  readonly #separator: string;
  /** Of the last record. */
  fields: string[] = [];
  /** Why it is none; undefined when it is one. */
  fault: string | undefined;

  constructor(separator: string) {
    this.#separator = separator;
  }

  /**
   * Reads the record that begins at `from`.
   * @returns where the next one begins. Behind a fault that is where a line ends, if the text goes on
   */
  read(text: string, from: number): number {
    const newline = text.indexOf('\n', from);
    const end = newline < 0 ? text.length : newline;
    const quote = text.indexOf(QUOTE, from);
    this.fault = undefined;
    if (quote >= 0 && quote < end) return this.#careful(text, from);
    this.fields = text.slice(from, withoutReturn(text, from, end)).split(this.#separator);
    return newline < 0 ? end : end + 1;
  }

  #careful(text: string, from: number): number {
    const separator = this.#separator;
    const fields: string[] = [];
    this.fields = fields;
    for (let at = from; ;) {
      if (text[at] === QUOTE) {
        const close = closing(text, at + 1);
        if (close < 0) {
          this.fault = 'a quote has no other half';
          return text.length;
        }
        fields.push(text.slice(at + 1, close).replaceAll('""', QUOTE));
        at = close + 1;
        if (text[at] === '\r' && (text[at + 1] === '\n' || at + 1 === text.length)) at++;
      } else {
        const newline = text.indexOf('\n', at);
        const end = newline < 0 ? text.length : newline;
        const next = text.indexOf(separator, at);
        const isLast = next < 0 || next > end;
        fields.push(text.slice(at, isLast ? withoutReturn(text, at, end) : next));
        at = isLast ? end : next;
      }
      if (at >= text.length) return at;
      if (text[at] === '\n') return at + 1;
      if (text[at] !== separator) {
        this.fault = 'there is text behind a closing quote';
        const newline = text.indexOf('\n', at);
        return newline < 0 ? text.length : newline + 1;
      }
      at++;
    }
  }
}

/** The quote that ends a field, or -1. */
function closing(text: string, from: number): number {
  let at = text.indexOf(QUOTE, from);
  while (at >= 0 && text[at + 1] === QUOTE) at = text.indexOf(QUOTE, at + 2);
  return at;
}

function withoutReturn(text: string, from: number, end: number): number {
  return end > from && text[end - 1] === '\r' ? end - 1 : end;
}
