/**
 * A frozen flat disk over HTTPS: its descriptor and its bytes come from `/folder` of the server, with the session's cookie, over
 * connections of this disk's own. Works against every ESXi host and vCenter without software on the hypervisor.
 */
import { Pool } from 'undici';
import { mapLimit } from '../../../shared/base/async.ts';
import { type Clock } from '../../../shared/base/clock.ts';
import { AppError } from '../../../shared/base/errors.ts';
import { type Log } from '../../../shared/base/log.ts';
import { MiB } from '../../../shared/base/units.ts';
import { folderUrl, parseDatastorePath, type DatastorePath } from '../../../shared/vsphere/datastore-path.ts';
import { tlsOptionsFor } from '../../../shared/vsphere/tls-pin.ts';
import { type BlockReader } from '../../ports.ts';
import { checkBounds } from '../read-bounds.ts';
import { type FlatExtent, MAX_DESCRIPTOR_BYTES, flatExtentOf } from '../vmdk-descriptor.ts';
import { type FolderFile, type FolderSession, readRange } from './folder-file.ts';

export interface HttpsDiskOptions {
  readonly session: FolderSession;
  /** The datacenter's path as /folder wants it. */
  readonly dcPath: string;
  /** `[datastore] folder/name.vmdk`: the frozen descriptor. */
  readonly fileName: string;
  readonly capacityBytes: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** Connections of one disk, and requests at a time; a host's web service serves few more at all. */
const MAX_IN_FLIGHT = 4;
/** Hosts fail requests far above it for lack of buffer memory. */
const MAX_REQUEST_BYTES = 2 * MiB;
/** Without a byte for so long a connection counts as cut. */
const SILENCE_MS = 60_000;

/**
 * Opens the disk: reads its descriptor and its last byte.
 *
 * @throws AppError `TRANSPORT_DELTA_CHAIN`, `TRANSPORT_DESCRIPTOR_INVALID`, `TRANSPORT_SHORT_READ` when the file is shorter than the
 *   disk, and what `readRange` throws
 */
export async function openHttpsDisk(options: HttpsDiskOptions, signal: AbortSignal): Promise<BlockReader> {
  const pool = new Pool(new URL(options.session.url).origin, {
    ...tlsOptionsFor(options.session.fingerprint),
    connections: MAX_IN_FLIGHT,
    pipelining: 1,
    headersTimeout: SILENCE_MS,
    bodyTimeout: SILENCE_MS,
  });
  try {
    const descriptor = parseDatastorePath(options.fileName);
    if (descriptor === undefined) throw withoutDatastore(options.fileName);
    const extent = await readExtent(folderFile(pool, options, descriptor), options.capacityBytes, signal);
    const flat = folderFile(pool, options, besideOf(descriptor, extent.file));
    await checkLength(flat, extent, options.capacityBytes, signal);
    return new HttpsDisk(pool, flat, extent.offsetBytes, options.capacityBytes);
  } catch (error) {
    await pool.destroy();
    throw error;
  }
}

class HttpsDisk implements BlockReader {
  readonly transport = 'https';
  readonly maxInFlight = MAX_IN_FLIGHT;
  readonly capacityBytes: number;
  readonly #pool: Pool;
  readonly #flat: FolderFile;
  readonly #offsetBytes: number;

  constructor(pool: Pool, flat: FolderFile, offsetBytes: number, capacityBytes: number) {
    this.#pool = pool;
    this.#flat = flat;
    this.#offsetBytes = offsetBytes;
    this.capacityBytes = capacityBytes;
  }

  async read(offset: number, into: Uint8Array, signal?: AbortSignal): Promise<void> {
    checkBounds(this.capacityBytes, offset, into.length);
    const starts: number[] = [];
    for (let start = 0; start < into.length; start += MAX_REQUEST_BYTES) starts.push(start);
    await mapLimit(starts, MAX_IN_FLIGHT, (start) =>
      readRange(
        this.#flat,
        {
          offset: this.#offsetBytes + offset + start,
          into: into.subarray(start, start + MAX_REQUEST_BYTES),
        },
        signal,
      ),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.destroy();
  }
}

function folderFile(pool: Pool, options: HttpsDiskOptions, place: DatastorePath): FolderFile {
  const { session, clock, log } = options;
  const url = new URL(folderUrl(session.url, options.dcPath, place.datastore, place.path));
  const name = `[${place.datastore}] ${place.path}`;
  return { pool, session, clock, log, path: `${url.pathname}${url.search}`, name };
}

async function readExtent(file: FolderFile, capacityBytes: number, signal: AbortSignal): Promise<FlatExtent> {
  const into = new Uint8Array(MAX_DESCRIPTOR_BYTES);
  const { lengthBytes, totalBytes } = await readRange(file, { offset: 0, into, mayEnd: true }, signal);
  const extent = flatExtentOf(into.subarray(0, lengthBytes), file.name, capacityBytes);
  if (totalBytes <= MAX_DESCRIPTOR_BYTES) return extent;
  throw new AppError(
    'TRANSPORT_DESCRIPTOR_INVALID',
    `Cannot use the disk descriptor "${file.name}": it is larger than ${MAX_DESCRIPTOR_BYTES} bytes`,
    { file: file.name, totalBytes },
  );
}

function besideOf(descriptor: DatastorePath, file: string): DatastorePath {
  const folder = descriptor.path.slice(0, descriptor.path.lastIndexOf('/') + 1);
  return { datastore: descriptor.datastore, path: `${folder}${file}` };
}

/** The last byte of the disk is there: the file is as long as its descriptor and the server say. */
async function checkLength(
  flat: FolderFile,
  extent: FlatExtent,
  capacityBytes: number,
  signal: AbortSignal,
): Promise<void> {
  if (capacityBytes === 0) return;
  await readRange(flat, { offset: extent.offsetBytes + capacityBytes - 1, into: new Uint8Array(1) }, signal);
}

function withoutDatastore(fileName: string): AppError {
  return new AppError(
    'TRANSPORT_UNAVAILABLE',
    `Cannot find the disk "${fileName}": its path names no datastore`,
    {
      file: fileName,
    },
  );
}
