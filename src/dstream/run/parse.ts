/**
 * What `parseJson`, `parseCsv` and `fields` make of a record that is text. Pure functions, made once for each operator.
 *
 * I1  An empty line is no record: they give undefined, which neither JSON nor CSV has.
 */
import type { GraphNode } from '../../plan/graph.ts';
import { BadRecord, BadText } from './blame.ts';
import { CsvReader } from './csv.ts';

/** Gives undefined for what is no record. */
export type Parser = (record: unknown) => unknown;

export function parserOf({ kind, params }: GraphNode): Parser {
  if (kind === 'fields') {
    const separator = params['separator'] as string;
    return (record) => asText(record).split(separator);
  }
  if (kind === 'parseJson') return (record) => parseJson(asText(record));
  const reader = new CsvReader(params['separator'] as string);
  const header = params['header'] as readonly string[] | undefined;
  return (record) => {
    const text = asText(record);
    if (text === '' || text === '\r') return undefined;
    const end = reader.read(text, 0);
    if (reader.fault === undefined && end < text.length)
      throw new BadText('has more than one line');
    return csvRecord(reader, header);
  };
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // Looked at only now: lines that are empty are rare.
    if (text.trim() === '') return undefined;
    throw new BadText(`is no JSON (${(error as Error).message})`);
  }
}

/** The fields, or an object of them; undefined for the header itself. */
export function csvRecord(reader: CsvReader, header: readonly string[] | undefined): unknown {
  const { fault, fields } = reader;
  if (fault !== undefined) throw new BadText(`is no CSV (${fault})`);
  if (header === undefined) return fields;
  if (fields.length !== header.length) {
    throw new BadText(
      `has ${fields.length} fields, where the header has ${header.length} (${header.join(', ')})`,
    );
  }
  let isHeader = true;
  const record: Record<string, string> = {};
  for (let n = 0; n < header.length; n++) {
    if (fields[n] !== header[n]) isHeader = false;
    record[header[n]!] = fields[n]!;
  }
  return isHeader ? undefined : record;
}

function asText(record: unknown): string {
  if (typeof record !== 'string')
    throw new BadRecord(`takes text, not ${record === null ? 'null' : typeof record}`);
  return record;
}
