/**
 * Which way leads to a disk: `file` where its datastore is mounted on this host, else `https`. What was tried and why it did not
 * serve is part of the answer, so that a run can say so.
 */
import { type Clock } from '../../shared/base/clock.ts';
import { AppError, toAppError } from '../../shared/base/errors.ts';
import { type Log } from '../../shared/base/log.ts';
import { type TransportChoice, type TransportName } from '../../shared/domain/job.ts';
import { type VmDisk } from '../../shared/vsphere/virtual-disk.ts';
import { type BlockReader } from '../ports.ts';
import { mountedFolder, openFileDisk } from './file/raw-disk.ts';
import { type FolderSession } from './https/folder-file.ts';
import { openHttpsDisk } from './https/range-reader.ts';

export interface OpenDiskInput {
  readonly choice: TransportChoice;
  readonly session: FolderSession;
  readonly dcPath: string;
  /** Of the snapshot: its frozen file. */
  readonly disk: Pick<VmDisk, 'fileName' | 'capacityBytes'>;
  readonly datastorePaths: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly log: Log;
}

export interface TriedTransport {
  readonly transport: TransportName;
  readonly reason: string;
}

export interface OpenedDisk {
  readonly reader: BlockReader;
  /** Transports that did not serve, in the order of trying. */
  readonly tried: readonly TriedTransport[];
}

/**
 * Opens the disk by the transport that was chosen, or by the first that serves.
 *
 * @throws AppError `TRANSPORT_DELTA_CHAIN` at once, since no transport can help; else the failure of the last transport that
 *   was tried; the signal's reason
 */
export async function openDisk(input: OpenDiskInput, signal: AbortSignal): Promise<OpenedDisk> {
  const tried: TriedTransport[] = [];
  let failure: AppError | undefined;
  for (const transport of orderOf(input)) {
    signal.throwIfAborted();
    try {
      const reader = await openBy(transport, input, signal);
      input.log.info('Disk opened', { file: input.disk.fileName, transport, tried });
      return { reader, tried };
    } catch (error) {
      signal.throwIfAborted();
      failure = toAppError(error);
      if (failure.code === 'TRANSPORT_DELTA_CHAIN') throw failure;
      tried.push({ transport, reason: failure.message });
      input.log.warn('Transport does not serve', { file: input.disk.fileName, transport, error: failure });
    }
  }
  throw failure ?? new AppError('TRANSPORT_UNAVAILABLE', `Cannot reach the disk "${input.disk.fileName}"`);
}

function orderOf(input: OpenDiskInput): readonly TransportName[] {
  if (input.choice !== 'auto') return [input.choice];
  const isMounted = mountedFolder(input.datastorePaths, input.disk.fileName) !== undefined;
  return isMounted ? ['file', 'https'] : ['https'];
}

function openBy(transport: TransportName, input: OpenDiskInput, signal: AbortSignal): Promise<BlockReader> {
  const { session, dcPath, disk, datastorePaths, clock, log } = input;
  const { fileName, capacityBytes } = disk;
  switch (transport) {
    case 'file':
      return openFileDisk({ datastorePaths, fileName, capacityBytes }, signal);
    case 'https':
      return openHttpsDisk({ session, dcPath, fileName, capacityBytes, clock, log }, signal);
  }
}
