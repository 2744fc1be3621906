/** What `verifySink` may find, and how what a target shows is compared with what it should. Pure. */
import { shown } from '../verify-stage/findings.ts';

export type SinkFindingKind =
  /** It throws, or rejects for good. */
  | 'throws'
  /** A promise of it never settles. */
  | 'hangs'
  /** A record is not in the target. */
  | 'lost'
  /** A record is in the target more often than once. */
  | 'doubled'
  /** A record shows before its point counts: it is there, too, if the job goes back behind it. */
  | 'early'
  /** A commit that is interrupted shows in part, or rows without their id. */
  | 'not-atomic'
  /** `holds()` gives another id than that of the newest commit. */
  | 'holds-wrong'
  /** There is something in the target that was not given. */
  | 'foreign';

export interface SinkFinding {
  readonly kind: SinkFindingKind;
  /** What happened to the sink. */
  readonly scenario: string;
  /** In a sentence, with what to do. */
  readonly text: string;
}

const CURES: Readonly<Partial<Record<SinkFindingKind, string>>> = {
  lost: 'What was prepared is committed again by the successor: take an id as held only where its rows are in the target, and write both in one transaction',
  doubled:
    'A commit may be called again, also by a life that is dead: let the transaction itself look whether the target holds that id or a greater one, and do nothing then',
  early:
    'Write nothing that others see before commit(id, output), or publish files under temporary names',
  'not-atomic': 'Write all rows and the id in one transaction',
  'holds-wrong': 'Give the id that the last transaction wrote under the key of the instance',
};

/** A sentence with its cure. */
export function findingText(kind: SinkFindingKind, scenario: string, what: string): string {
  const cure = CURES[kind];
  return `${scenario}: ${what}${cure === undefined ? '' : `. ${cure}`}`;
}

/** How records are told apart. */
export function recordKey(value: unknown): string {
  return JSON.stringify(sorted(value)) ?? String(value);
}

function sorted(value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  if (Array.isArray(value)) return value.map(sorted);
  if (value instanceof Date) return value.toISOString();
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, each]) => [key, sorted(each)]));
}

export interface Difference {
  readonly kind: 'lost' | 'doubled' | 'foreign';
  readonly what: string;
}

/** How often each record is there. */
export function tally(records: readonly unknown[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const record of records) {
    const key = recordKey(record);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

/** What a target shows too little and too much. @param atLeast more than once is no fault */
export function targetDifferences(
  wanted: readonly unknown[],
  seen: readonly unknown[],
  atLeast: boolean,
): readonly Difference[] {
  const counts = tally(seen);
  const found = new Map<Difference['kind'], string[]>();
  const add = (kind: Difference['kind'], text: string): void => {
    found.set(kind, [...(found.get(kind) ?? []), text]);
  };
  for (const record of wanted) {
    const key = recordKey(record);
    const count = counts.get(key) ?? 0;
    if (count === 0) add('lost', shown(record));
    else if (count > 1 && !atLeast) add('doubled', `${shown(record)} ${count} times`);
    counts.delete(key);
  }
  for (const key of counts.keys()) add('foreign', key.slice(0, 100));
  return [...found].map(([kind, texts]) => ({ kind, what: sentence(kind, texts, wanted.length) }));
}

function sentence(kind: Difference['kind'], texts: readonly string[], of: number): string {
  const [first] = texts;
  const others = texts.length > 1 ? `, and ${texts.length - 1} others` : '';
  if (kind === 'lost') return `${first} is missing${others}, of ${of} records`;
  if (kind === 'doubled') return `${first} is there${others}`;
  return `${first} is there and was never given${others}`;
}
