/** Manifests that are damaged: passed over with a name, and never taken for others. */
import { describe, expect, it } from 'vitest';
import { sealed } from '../../../src/actors/hand-over-file.ts';
import { MemoryDisk } from '../../../src/env/memory-disk.ts';
import {
  encodeManifest,
  readManifests,
  verifyManifest,
} from '../../../src/supervision/checkpoint/manifest-file.ts';
import { readDirectory } from '../../../src/run/restart-directory.ts';
import type { Manifest } from '../../../src/supervision/checkpoint/manifest.ts';

const PART = 'handover-1-7-0-w';

function manifest(id: number): Manifest {
  return {
    format: 1,
    id,
    run: 1,
    epoch: 1,
    barrier: { number: id, time: id * 100, batch: true, point: true, last: false, zeroTime: 0 },
    writtenAt: 12_345,
    job: 'words',
    lineage: 'of this one',
    partitions: 2,
    batchIntervalMs: 100,
    operators: [],
    sources: ['lines'],
    tasks: [{ name: 'map', partition: 0, operators: ['a'], states: ['a[0]'], parts: [PART] }],
    publish: [{ from: '/out/.ä', to: '/out/ä' }],
    skip: [],
  };
}

function directory(): MemoryDisk {
  const disk = new MemoryDisk();
  disk.makeDirectory('/ck/state');
  for (const id of [5, 6, 12]) disk.write(`/ck/manifest-${id}.json`, encodeManifest(manifest(id)));
  disk.write(`/ck/state/${PART}`, sealed(Buffer.from('state')));
  disk.write('/ck/manifest-13.json.1-0.tmp', Buffer.from('{'));
  return disk;
}

const ids = (disk: MemoryDisk): number[] =>
  readManifests(disk, '/ck').manifests.map(({ id }) => id);

it('they are found newest first, and nothing else is', () => {
  const { manifests, problems } = readManifests(directory(), '/ck');
  expect(manifests).toEqual([manifest(12), manifest(6), manifest(5)]);
  expect(problems).toEqual([]);
});

describe('I1: one that is damaged is a problem with its path, and the one before counts', () => {
  const path = '/ck/manifest-12.json';
  const whole = encodeManifest(manifest(12));

  it('cut at any byte', () => {
    const disk = directory();
    const found: unknown[] = [];
    for (let length = 0; length < whole.length; length++) {
      disk.write(path, whole.subarray(0, length));
      found.push([ids(disk), readManifests(disk, '/ck').problems.map((each) => each.path)]);
    }
    expect(new Set(found.map((each) => JSON.stringify(each)))).toEqual(
      new Set([JSON.stringify([[6, 5], [path]])]),
    );
  });

  it('with any bit of any byte flipped, or anything behind it', () => {
    const disk = directory();
    const found: unknown[] = [];
    const errors = new Set<unknown>();
    for (let at = 0; at < whole.length; at++) {
      for (const bit of [1, 8, 32, 128]) {
        const bytes = whole.slice();
        bytes[at]! ^= bit;
        disk.write(path, bytes);
        found.push(ids(disk));
        for (const { error } of readManifests(disk, '/ck').problems)
          errors.add((error as { code?: unknown }).code);
      }
    }
    disk.write(path, Buffer.concat([whole, Buffer.from('\n')]));
    found.push(ids(disk));
    expect(new Set(found.map(String))).toEqual(new Set(['6,5']));
    expect(errors).toEqual(new Set(['ERR_MILLRACE_CHECKPOINT_CORRUPT']));
  });

  it('under the name of another', () => {
    const disk = directory();
    disk.write(path, encodeManifest(manifest(6)));
    expect(ids(disk)).toEqual([6, 5]);
    expect(readManifests(disk, '/ck').problems).toMatchObject([
      { path, error: { message: expect.stringContaining('checkpoint 6') } },
    ]);
  });
});

describe('what it names', () => {
  it('is missing, or cut or flipped at any byte: a problem', () => {
    const disk = directory();
    const path = `/ck/state/${PART}`;
    const whole = disk.read(path);
    expect(verifyManifest(disk, '/ck', manifest(12))).toEqual([]);
    const passed: number[] = [];
    for (let at = 0; at < whole.length; at++) {
      disk.write(path, whole.subarray(0, at));
      if (verifyManifest(disk, '/ck', manifest(12)).length !== 1) passed.push(at);
      const flipped = whole.slice();
      flipped[at]! ^= 4;
      disk.write(path, flipped);
      if (verifyManifest(disk, '/ck', manifest(12))[0]?.path !== path) passed.push(at);
    }
    disk.remove(path);
    expect(verifyManifest(disk, '/ck', manifest(12))).toMatchObject([{ path }]);
    expect(passed).toEqual([]);
  });
});

it('one of a newer version is not damaged: it is not passed over', () => {
  const disk = directory();
  disk.write('/ck/manifest-14.json', encodeManifest({ ...manifest(14), format: 2 } as never));
  expect(() => readDirectory(disk, '/ck')).toThrow(
    expect.objectContaining({ code: 'ERR_MILLRACE_CHECKPOINT_MISFIT' }),
  );
});
