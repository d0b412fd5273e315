/** An NTFS volume whose boot sector is known. */
import { type VolumeBytes } from '../volume-bytes.ts';
import { type BootSector } from './boot-sector.ts';

export interface NtfsVolume {
  readonly bytes: VolumeBytes;
  readonly boot: BootSector;
}
