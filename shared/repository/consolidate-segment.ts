/**
 * From the chain of one segment to as few layers as hold it, without reading a chunk: what a full point of the chain is made of.
 * Pure. docs/format/device.md §10.
 *
 *   chain, newest first            cell 0    cell 1    cell 2           layers, one ref per cell and layer
 *     point 3                      aa·      ···       ··x              0    aa·   ccc   ··x
 *     point 2                      ·b·      ···       ···              1    ··b   ···   dd·
 *     point 1 (full)               bbb      ccc       ddd
 *
 * Bytes that a newer point hides are dropped, and so is every ref that gives nothing. Refs move up to the first layer in which
 * their cell is free, so that there are as many layers as the cell with the most refs needs, however long the chain was.
 */
import { invariant } from '../base/assert.ts';
import { buildExtentMap } from '../domain/extent-map.ts';
import { type Extent, type ExtentSet, normalize, slice, union } from '../domain/extent.ts';
import { DiskIndexBuilder } from '../format/disk-index-builder.ts';
import { type DiskIndex, refAt } from '../format/disk-index.ts';
import { type ChainDisk, neededLayers } from './resolve-disk.ts';

/** What a segment takes of its chain. */
export interface ConsolidatedSegment {
  /** Layers that it needs; at least one. */
  readonly depth: number;
  /**
   * The indexes, newest layer first. Once.
   * @param layers - of the whole disk, at least `depth`
   */
  indexes(layers: number): DiskIndex[];
}

interface LayerInMaking {
  readonly builder: DiskIndexBuilder;
  readonly data: Extent[];
}

/** @throws AppError `RESTORE_CHAIN_BROKEN` when a byte is in no link, or a link is of a segment of another size */
export function consolidateSegment(chain: readonly ChainDisk[]): ConsolidatedSegment {
  const { capacityBytes = 0, gridBytes = 0 } = chain[0]?.index ?? {};
  const newLayer = (): LayerInMaking => ({
    builder: new DiskIndexBuilder(capacityBytes, gridBytes),
    data: [],
  });
  const layers = [newLayer()];
  const refsOfCell = new Uint16Array(Math.ceil(capacityBytes / gridBytes));
  let zero: ExtentSet = [];
  let free: ExtentSet = [];
  for (const needed of neededLayers(chain)) {
    const { index } = needed.disk;
    invariant(index.gridBytes === gridBytes, 'the savesets of one device have one grid', { gridBytes });
    zero = union(zero, needed.zero);
    free = union(free, needed.free);
    for (const refNo of needed.refs) {
      const ref = refAt(index, refNo);
      const cell = Math.floor(ref.start / gridBytes);
      const depth = refsOfCell[cell] ?? 0;
      refsOfCell[cell] = depth + 1;
      const layer = (layers[depth] ??= newLayer());
      layer.builder.add(ref);
      for (const part of slice(needed.data, ref.start, ref.start + ref.plainLength)) layer.data.push(part);
    }
  }
  return {
    depth: layers.length,
    indexes: (count) => finish(layers, { capacityBytes, gridBytes, zero, free, count }),
  };
}

interface SegmentWhole {
  readonly capacityBytes: number;
  readonly gridBytes: number;
  readonly zero: ExtentSet;
  readonly free: ExtentSet;
  readonly count: number;
}

function finish(layers: readonly LayerInMaking[], whole: SegmentWhole): DiskIndex[] {
  const { capacityBytes, gridBytes, zero, free, count } = whole;
  invariant(count >= layers.length, 'a disk has as many layers as its deepest segment', { count });
  return Array.from({ length: count }, (_, i) => {
    const { data = [], builder = new DiskIndexBuilder(capacityBytes, gridBytes) } = layers[i] ?? {};
    const kinds = [
      { kind: 'data' as const, extents: normalize(data) },
      ...(i > 0
        ? []
        : [
            { kind: 'zero' as const, extents: zero },
            { kind: 'free' as const, extents: free },
          ]),
    ];
    // below the last layer there is nothing: what it does not hold is held above it
    return builder.finish(buildExtentMap(capacityBytes, kinds, i === count - 1 ? 'free' : 'same').runs);
  });
}
