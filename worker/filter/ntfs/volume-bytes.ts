/** One volume of a disk: reads by byte of the volume, each checked against the partition's length. */
import { type DiskBytes } from '../disk-bytes.ts';
import { type BootSector } from './boot-sector.ts';
import { ntfsDamage } from './units.ts';

export interface VolumeBytes {
  /** Where the partition begins on the disk. */
  readonly startBytes: number;
  readonly lengthBytes: number;
  /**
   * Fills `into` from byte `offset` of the volume.
   * @throws AppError `NTFS_STRUCTURE_INVALID` outside the partition, and what the transport throws
   */
  readInto(offset: number, into: Uint8Array): Promise<void>;
}

/** A volume whose boot sector is known. */
export interface NtfsVolume {
  readonly bytes: VolumeBytes;
  readonly boot: BootSector;
}

/** The partition `[startBytes, startBytes + lengthBytes)`, which must lie on the disk. */
export function volumeBytesOf(disk: DiskBytes, startBytes: number, lengthBytes: number): VolumeBytes {
  return {
    startBytes,
    lengthBytes,
    async readInto(offset, into) {
      if (!(offset >= 0 && into.length <= lengthBytes - offset)) {
        throw ntfsDamage('volume', 'a structure leaves the partition', startBytes + offset);
      }
      await disk.readInto(startBytes + offset, into);
    },
  };
}
