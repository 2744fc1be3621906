/** Frames for tests of edges: random ones, and what they come to when they are compared. */
import fc from 'fast-check';
import type { Barrier, Frame, Mark } from '../../src/actors/block.ts';

export function text(content: string, port = 0): Frame {
  return { kind: 'text', port, bytes: Buffer.from(content) };
}

export function rows(...values: readonly unknown[]): Frame {
  return { kind: 'rows', port: 0, rows: values };
}

export function barrier(number: number, flags: Partial<Barrier> = {}): Barrier {
  return {
    number,
    batch: true,
    point: false,
    last: false,
    time: number * 100,
    zeroTime: 0,
    ...flags,
  };
}

export function barrierFrame(
  number: number,
  absent: readonly number[] = [],
  marks: readonly Mark[] = [],
): Frame {
  const frame = { kind: 'barrier', barrier: barrier(number), absent } as const;
  return marks.length === 0 ? frame : { ...frame, marks };
}

/** A frame as a value of its own, whatever its bytes are views of. */
export function plain(frame: Frame | undefined): unknown {
  if (frame?.kind === 'text')
    return { ...frame, bytes: Buffer.from(frame.bytes).toString('latin1') };
  if (frame?.kind === 'columns')
    return {
      ...frame,
      keys: Array.isArray(frame.keys) ? frame.keys : structuredClone(frame.keys),
      values: [...frame.values],
    };
  return frame;
}

const data: fc.Arbitrary<Frame> = fc.oneof(
  fc
    .tuple(fc.nat(70_000), fc.uint8Array({ maxLength: 400 }))
    .map(([port, bytes]) => ({ kind: 'text' as const, port, bytes })),
  fc
    .array(fc.oneof(fc.string(), fc.integer(), fc.constant({ a: [1] })), { maxLength: 40 })
    .map((each) => ({ kind: 'rows' as const, port: 5, rows: each })),
  fc.array(fc.tuple(fc.string({ maxLength: 8 }), fc.integer()), { maxLength: 30 }).map((pairs) => ({
    kind: 'columns' as const,
    port: 1,
    count: pairs.length,
    keys: pairs.map(([key]) => key),
    values: pairs.map(([, value]) => value),
  })),
);

/** A watermark: idle, at the end, or a time. */
const mark = fc.oneof(fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -5.5), fc.integer());

/** Barriers among them ascend. */
export const frames: fc.Arbitrary<Frame[]> = fc
  .array(
    fc.oneof(
      { weight: 5, arbitrary: data },
      {
        weight: 1,
        arbitrary: fc.tuple(
          fc.array(fc.nat(500), { maxLength: 30 }),
          fc.array(fc.tuple(fc.nat(500), mark), { maxLength: 4 }),
        ),
      },
    ),
    { maxLength: 25 },
  )
  .map((list) =>
    list.map((each, i) =>
      Array.isArray(each)
        ? barrierFrame(i + 1, each[0] as number[], each[1] as Mark[])
        : (each as Frame),
    ),
  );
