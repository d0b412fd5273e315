/** How much of what was found has room in a report: lists and pictures are cut off, sums are whole. */
import { type DiskInspection, diskSums } from '../../shared/contract/disk-inspection.ts';
import { packPicture } from '../../shared/contract/packed-picture.ts';
import {
  type InspectedDisk,
  MAX_INSPECTED_PICTURES,
  MAX_INSPECTED_VOLUMES,
} from '../../shared/contract/vm-inspection.ts';

/** Room for all disks of one VM; whoever comes first is served. */
export class ReportRoom {
  #volumes = MAX_INSPECTED_VOLUMES;
  #pictures = MAX_INSPECTED_PICTURES;

  take(found: Omit<DiskInspection, 'file'>): Omit<InspectedDisk, 'key' | 'label' | 'transport'> {
    const { volumes, picture } = found;
    const shown = volumes.slice(0, this.#volumes);
    this.#volumes -= shown.length;
    return {
      ...diskSums.parse(found),
      picture: this.#pack(picture),
      volumes: shown.map((volume) => ({ ...volume, picture: this.#pack(volume.picture) })),
      moreVolumes: volumes.length - shown.length,
    };
  }

  #pack(picture: DiskInspection['picture']): string | null {
    return this.#pictures-- > 0 ? packPicture(picture) : null;
  }
}
