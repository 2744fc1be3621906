/**
 * Who runs a job on a checkpoint directory. The claim decides (`src/env/claim.ts`); `owner.json` only says whom to look
 * for, to the one who comes second.
 *
 * I1  One run at a time, also of the same process. A run that has ended, or whose process has, owns nothing.
 */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { type Claim, claimDirectory } from '../env/claim.ts';
import type { Disk } from '../env/env.ts';
import { millraceError } from '../errors.ts';

interface OwnerRecord {
  readonly job: string;
  readonly pid: number;
  readonly host: string;
  /** Wall time in ms. */
  readonly since: number;
}

export interface Owner {
  /** At once. */
  release(): void;
}

/**
 * Makes the directory where it is missing, and takes it.
 * @throws ERR_MILLRACE_DIR_IN_USE
 */
export async function ownDirectory(
  disk: Disk,
  directory: string,
  job: string,
  now: number,
): Promise<Owner> {
  disk.makeDirectory(directory);
  const claim = await claimDirectory(directory);
  const path = join(directory, 'owner.json');
  if (claim === undefined) throw inUse(directory, ownerIn(disk, path));
  const record: OwnerRecord = { job, pid: process.pid, host: hostname(), since: now };
  try {
    disk.write(path, new TextEncoder().encode(`${JSON.stringify(record)}\n`));
  } catch (error) {
    claim.release();
    throw error;
  }
  return new DirectoryOwner(disk, path, claim);
}

class DirectoryOwner implements Owner {
  readonly #disk: Disk;
  readonly #path: string;
  #claim: Claim | undefined;

  constructor(disk: Disk, path: string, claim: Claim) {
    this.#disk = disk;
    this.#path = path;
    this.#claim = claim;
  }

  release(): void {
    if (this.#claim === undefined) return;
    try {
      this.#disk.remove(this.#path);
    } catch {
      // It says nothing that the claim doesn't, and the next owner replaces it.
    }
    this.#claim.release();
    this.#claim = undefined;
  }
}

/** The newest owner may be about to write it. */
function ownerIn(disk: Disk, path: string): OwnerRecord | undefined {
  try {
    return JSON.parse(new TextDecoder().decode(disk.read(path))) as OwnerRecord;
  } catch {
    return undefined;
  }
}

function inUse(directory: string, owner: OwnerRecord | undefined): Error {
  const who =
    owner === undefined
      ? 'another run'
      : `job ${owner.job} in ${owner.pid === process.pid && owner.host === hostname() ? 'this process' : `process ${owner.pid} on ${owner.host}`}, since ${new Date(owner.since).toISOString()}`;
  return millraceError(
    'ERR_MILLRACE_DIR_IN_USE',
    `${directory} is in use by ${who}. It is free when that run has ended`,
    { context: { directory, ...(owner === undefined ? {} : { owner }) } },
  );
}
