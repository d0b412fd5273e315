/** The blocks of one shadow copy of a volume, as overlays over it: header, catalog, and a store of its own or of another volume. */
import { type Overlay } from './image-reader.ts';
import { vssBlock, vssCatalog, vssHeader } from './ntfs-bytes.ts';

const BLOCK = 16 * 1024;
const vssRecord = { catalog: 2, blockList: 3, store: 4, ranges: 5, bitmap: 6 } as const;

export interface ShadowCopyFields {
  /** Volume offset of the first of 6 blocks: catalog, header, block list, ranges, bitmap, older bitmap. */
  readonly at: number;
  readonly volumeBytes: number;
  /** Numbers of the 16 KiB blocks that the copy wants. */
  readonly wanted: readonly number[];
  /** The same for the older bitmap; without it there is none. */
  readonly wantedBefore?: readonly number[];
  /** Volume offsets of copied blocks, with their flags. */
  readonly copied?: readonly (readonly [offset: number, flags: number])[];
  /** Which entries the catalog has. */
  readonly entries?: readonly ('copy' | 'store')[];
}

function bitmapBlock(at: number, wanted: readonly number[]): Buffer {
  const bytes = vssBlock(vssRecord.bitmap, at);
  bytes.fill(0xff, 128);
  for (const block of wanted) {
    const place = 128 + (block >> 3);
    bytes.writeUInt8(bytes.readUInt8(place) & ~(1 << (block & 7)), place);
  }
  return bytes;
}

/** Pieces of a volume that begins at `volumeAt` of its disk. */
export function shadowCopy(fields: ShadowCopyFields, volumeAt = 0): Overlay[] {
  const { at, volumeBytes, wanted, wantedBefore, copied = [], entries = ['copy', 'store'] } = fields;
  const place = (index: number): number => at + index * BLOCK;
  const older = wantedBefore === undefined ? 0 : place(5);
  const store = { header: place(1), blockList: place(2), ranges: place(3), bitmap: place(4), older };
  const list = vssBlock(vssRecord.blockList, store.blockList);
  copied.forEach(([offset, flags], index) => {
    list.writeBigUInt64LE(BigInt(offset), 128 + 32 * index + 16);
    list.writeUInt32LE(flags, 128 + 32 * index + 24);
  });
  const catalog = vssCatalog(
    at,
    entries.map((kind) => (kind === 'copy' ? { type: 2, volumeBytes } : { type: 3, store })),
  );
  const blocks: [number, Buffer][] = [
    [0x1e00, vssHeader(BigInt(at))],
    [at, catalog],
    [store.header, vssBlock(vssRecord.store, store.header)],
    [store.blockList, list],
    [store.ranges, vssBlock(vssRecord.ranges, store.ranges)],
    [store.bitmap, bitmapBlock(store.bitmap, wanted)],
  ];
  if (wantedBefore !== undefined) blocks.push([older, bitmapBlock(older, wantedBefore)]);
  return blocks.map(([offset, bytes]) => ({ at: volumeAt + offset, bytes }));
}
