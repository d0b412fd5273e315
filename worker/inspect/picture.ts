/** A stretch of a disk as equal cells that count the bytes of each kind; pure. */
import {
  type Extent,
  type ExtentSet,
  complement,
  endOf,
  normalize,
  slice,
  subtract,
} from '../../shared/domain/extent.ts';
import { PICTURE_CELLS, type Picture, type RegionKind } from '../../shared/contract/disk-inspection.ts';
import { NOT_FILTERED } from '../../shared/contract/volume-view.ts';
import { type ActiveBlocks } from '../filter/active-blocks.ts';

export type Regions = Readonly<Record<RegionKind, ExtentSet>>;

/** The whole disk by kind. Where volumes lie in each other, the one that was filtered counts. */
export function regionsOf({ keep, volumes }: ActiveBlocks, capacityBytes: number): Regions {
  const skipped = complement(keep, capacityBytes);
  const placesOf = (isWanted: (gate: string | null) => boolean): ExtentSet =>
    normalize(
      volumes
        .filter(({ gate }) => isWanted(gate))
        .map(({ startBytes: start, lengthBytes: length }) => ({ start, length })),
    );
  const filtered = placesOf((gate) => gate === null);
  const doubtful = placesOf((gate) => gate !== null && gate !== NOT_FILTERED);
  const used = subtract(filtered, skipped);
  const whole = subtract(subtract(doubtful, filtered), skipped);
  const known = normalize([...skipped, ...used, ...whole]);
  return { used, skipped, whole, unknown: complement(known, capacityBytes) };
}

/** The cells of `stretch`; the bytes of all kinds in them add up to its length. */
export function pictureOf(regions: Regions, stretch: Extent): Picture {
  const cellsOf = (kind: RegionKind): number[] =>
    countInCells(slice(regions[kind], stretch.start, endOf(stretch)), stretch);
  return {
    used: cellsOf('used'),
    skipped: cellsOf('skipped'),
    whole: cellsOf('whole'),
    unknown: cellsOf('unknown'),
  };
}

function countInCells(extents: ExtentSet, stretch: Extent): number[] {
  const edge = (cell: number): number => stretch.start + Math.floor((stretch.length / PICTURE_CELLS) * cell);
  const cells = new Array<number>(PICTURE_CELLS).fill(0);
  let cell = 0;
  for (const extent of extents) {
    while (cell < PICTURE_CELLS - 1 && edge(cell + 1) <= extent.start) cell++;
    for (let start = extent.start; start < endOf(extent);) {
      const end = cell === PICTURE_CELLS - 1 ? endOf(extent) : Math.min(endOf(extent), edge(cell + 1));
      cells[cell] = (cells[cell] ?? 0) + end - start;
      start = end;
      if (start < endOf(extent)) cell++;
    }
  }
  return cells;
}
