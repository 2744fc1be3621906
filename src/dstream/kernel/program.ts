/**
 * Which declared text pipelines can run over bytes, and how the module takes them. Pure, any thread.
 *
 * I1  A program means what its closure form means: lines end at \n and at the end of the text, a
 *     \r before the end belongs to it, and then
 *       trim, toLowerCase, grep   String.prototype.trim, .toLowerCase, .includes
 *       words                     split at runs of ASCII white space, no empty strings
 *       split                     String.prototype.split, empty strings kept
 */
import type { TextProgram, TextTransform } from '../../plan/text-program.ts';

/** A program as the module takes it. */
export interface EncodedProgram {
  /** Lines are cut out and transformed one by one; else the block is scanned as it is. */
  readonly perLine: boolean;
  /** The whole block is made lower case at the start. */
  readonly lowerFirst: boolean;
  /** 0 split (lines are split at \n), 1 words. */
  readonly tokens: number;
  readonly separator: number;
  readonly steps: readonly { readonly kind: number; readonly needle: Uint8Array }[];
}

const KINDS = { trim: 0, toLowerCase: 1, grep: 2 } as const;
const LF = 10;
const CR = 13;

/** Whether a program can run over bytes at all. */
export function kernelFor(program: TextProgram): boolean {
  const { tokens, transforms } = program;
  // In a string, half of a surrogate pair can be found or split off. In UTF-8 it can't.
  const whole = transforms.every((t) => t.op !== 'grep' || !/\p{Surrogate}/u.test(t.needle));
  return whole && (tokens.op !== 'split' || /^[\0-\x7f]$/.test(tokens.separator));
}

/** Whether it does to ASCII alone what it does to characters. */
export function needsAscii(program: TextProgram): boolean {
  return program.transforms.some((transform) => transform.op !== 'grep');
}

export function encodeProgram(program: TextProgram): EncodedProgram {
  const { tokens } = program;
  const transforms = [...program.transforms];
  if (tokens.op === 'words') dropLastTrims(transforms);
  const lowerFirst = takeFirstLower(transforms);
  const separator = tokens.op === 'split' ? tokens.separator.charCodeAt(0) : LF;
  return {
    perLine: transforms.length > 0 || separator === CR,
    lowerFirst,
    tokens: tokens.op === 'words' ? 1 : 0,
    separator,
    steps: transforms.map((transform) => ({
      kind: KINDS[transform.op],
      needle: Buffer.from(transform.op === 'grep' ? transform.needle : ''),
    })),
  };
}

/** Words don't show what white space was around them, unless a grep saw it. */
function dropLastTrims(transforms: TextTransform[]): void {
  const first = transforms.findLastIndex((transform) => transform.op === 'grep') + 1;
  const last = transforms.splice(first).filter((transform) => transform.op !== 'trim');
  transforms.push(...last);
}

/** Before the first grep, lower case may come at any time: trim doesn't look at letters. */
function takeFirstLower(transforms: TextTransform[]): boolean {
  const grep = transforms.findIndex((transform) => transform.op === 'grep');
  const before = transforms.splice(0, grep === -1 ? transforms.length : grep);
  const others = before.filter((transform) => transform.op !== 'toLowerCase');
  transforms.unshift(...others);
  return others.length < before.length;
}
