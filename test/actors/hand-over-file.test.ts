import { describe, expect, it } from 'vitest';
import { isSealed, roomFor, sealed, unsealed } from '../../src/actors/hand-over-file.ts';

const payloads: readonly Uint8Array[] = [
  new Uint8Array(0),
  Uint8Array.of(1, 2, 3),
  Uint8Array.from({ length: 1000 }, (_, n) => (n * 7) % 256),
];

describe('a hand-over file', () => {
  it.each(payloads.map((payload) => [payload.length, payload] as const))(
    'I1: gives %i bytes back as they were, also from the middle of a buffer',
    (_length, payload) => {
      const file = sealed(payload);
      expect(unsealed(file, 'f')).toEqual(payload);
      const inside = new Uint8Array(file.length + 16);
      inside.set(file, 8);
      expect(unsealed(inside.subarray(8, 8 + file.length), 'f')).toEqual(payload);
    },
  );

  it('seals what has room without a copy, and again', () => {
    const payload = roomFor(3);
    payload.set([1, 2, 3]);
    expect(isSealed(payload)).toBe(false);
    const file = sealed(payload);
    expect(file.buffer).toBe(payload.buffer);
    expect(isSealed(payload)).toBe(true);
    expect(sealed(payload)).toEqual(sealed(Uint8Array.of(1, 2, 3)));
    expect(unsealed(file, 'f')).toEqual(Uint8Array.of(1, 2, 3));
  });

  it('I1: any byte flipped or any cut is an error that names the file', () => {
    const file = sealed(Uint8Array.from({ length: 40 }, (_, n) => n));
    const refused = expect.objectContaining({
      code: 'ERR_MILLRACE_CHECKPOINT_CORRUPT',
      message: expect.stringContaining('state/handover-1') as unknown,
    }) as unknown;
    for (let at = 0; at < file.length; at++) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const bad = file.slice();
        bad[at]! ^= flip;
        expect(() => unsealed(bad, 'state/handover-1')).toThrow(refused as Error);
      }
      expect(() => unsealed(file.subarray(0, at), 'state/handover-1')).toThrow(refused as Error);
    }
    const longer = new Uint8Array(file.length + 1);
    longer.set(file);
    expect(() => unsealed(longer, 'state/handover-1')).toThrow(refused as Error);
    expect(() => unsealed(new Uint8Array(64), 'state/handover-1')).toThrow(refused as Error);
  });
});
