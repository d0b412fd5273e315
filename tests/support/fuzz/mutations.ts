/** Ways to spoil a structure on a disk: bits, numbers at their limits, fields in wrong places, sectors lost, swapped or there twice. */
import { type Draw } from '../seeded-random.ts';
import { type FuzzRegion } from './fuzz-disk.ts';
import { type MutableImage } from './mutable-image.ts';

interface Target {
  readonly image: MutableImage;
  readonly region: FuzzRegion;
  readonly regions: readonly FuzzRegion[];
  readonly draw: Draw;
}

/** What was spoilt, and a word for it. */
export interface Mutation {
  readonly regions: readonly FuzzRegion[];
  readonly text: string;
}

type Mutator = (target: Target) => Mutation;

const WIDTHS = [1, 2, 4, 8];
const UNITS = [512, 1024, 4096];
const TELLING_BYTES = [0x00, 0x01, 0x7f, 0x80, 0xff];

/** Spoils one structure of the disk. */
export function mutate(target: Omit<Target, 'region'>): Mutation {
  const region = pick(target.draw, target.regions);
  return pick(target.draw, mutators)({ ...target, region });
}

function pick<T>(draw: Draw, list: readonly T[]): T {
  return list[draw(list.length)]!;
}

const told = ({ region }: Target, offset: number, what: string): Mutation => ({
  regions: [region],
  text: `${what} at ${offset} of ${region.name}`,
});

const flipBit: Mutator = (target) => {
  const { image, region, draw } = target;
  const offset = draw(region.lengthBytes);
  const at = region.at + offset;
  image.write(at, Uint8Array.of(image.bytes[at]! ^ (1 << draw(8))));
  return told(target, offset, 'a bit');
};

const setBytes: Mutator = (target) => {
  const { image, region, draw } = target;
  const offset = draw(region.lengthBytes);
  const length = Math.min(1 + draw(8), region.lengthBytes - offset);
  const bytes = Uint8Array.from({ length }, () => (draw(2) === 0 ? pick(draw, TELLING_BYTES) : draw(256)));
  image.write(region.at + offset, bytes);
  return told(target, offset, `bytes ${Buffer.from(bytes).toString('hex')}`);
};

/** Numbers at the limits of their width, or beside the one that is there. */
function numberOf(draw: Draw, old: bigint, width: number): bigint {
  const top = 1n << BigInt(8 * width);
  const limits = [0n, 1n, top - 1n, top / 2n, top / 2n - 1n, old + 1n, old - 1n, old * 2n, old / 2n];
  const shifted = old + (1n << BigInt(draw(8 * width)));
  return BigInt.asUintN(8 * width, draw(4) === 0 ? shifted : pick(draw, limits));
}

const setNumber: Mutator = (target) => {
  const { image, region, draw } = target;
  const width = pick(draw, WIDTHS);
  const isAligned = draw(4) !== 0;
  const drawn = draw(Math.max(1, region.lengthBytes - width + 1));
  const offset = isAligned ? drawn - (drawn % width) : drawn;
  const bytes = Buffer.from(image.bytes.subarray(region.at + offset, region.at + offset + width));
  const isBig = draw(2) === 0;
  if (!isBig) bytes.reverse();
  const value = numberOf(draw, BigInt(`0x${bytes.toString('hex') || '0'}`), bytes.length);
  const fresh = Buffer.from(value.toString(16).padStart(2 * bytes.length, '0'), 'hex');
  image.write(region.at + offset, isBig ? fresh : fresh.reverse());
  return told(target, offset, `the number 0x${value.toString(16)} of ${width} bytes`);
};

interface Unit {
  readonly at: number;
  readonly offset: number;
  readonly lengthBytes: number;
}

/** A sector or block of a region, or what there is of it. */
function unitOf(draw: Draw, region: FuzzRegion, unitBytes: number): Unit {
  const offset = draw(Math.ceil(region.lengthBytes / unitBytes)) * unitBytes;
  return { at: region.at + offset, offset, lengthBytes: Math.min(unitBytes, region.lengthBytes - offset) };
}

const fillUnit: Mutator = (target) => {
  const unit = unitOf(target.draw, target.region, pick(target.draw, UNITS));
  const value = pick(target.draw, [0, 0, 0xff, 0x55]);
  target.image.write(unit.at, Buffer.alloc(unit.lengthBytes, value));
  return told(target, unit.offset, `${unit.lengthBytes} bytes of ${value}`);
};

/** A write that went to the wrong place, or a read that came from there. */
const copyUnit: Mutator = (target) => {
  const { image, region, regions, draw } = target;
  const unitBytes = pick(draw, UNITS);
  const other = draw(2) === 0 ? region : pick(draw, regions);
  const from = unitOf(draw, other, unitBytes);
  const to = unitOf(draw, region, unitBytes);
  const length = Math.min(from.lengthBytes, to.lengthBytes);
  image.write(to.at, Buffer.from(image.bytes.subarray(from.at, from.at + length)));
  return told(target, to.offset, `${length} bytes of ${from.offset} of ${other.name}`);
};

const swapUnits: Mutator = (target) => {
  const { image, region, regions, draw } = target;
  const unitBytes = pick(draw, UNITS);
  const other = draw(2) === 0 ? region : pick(draw, regions);
  const [one, two] = [unitOf(draw, region, unitBytes), unitOf(draw, other, unitBytes)];
  const length = Math.min(one.lengthBytes, two.lengthBytes);
  const [first, second] = [one, two].map(({ at }) => Buffer.from(image.bytes.subarray(at, at + length)));
  image.write(one.at, second!);
  image.write(two.at, first!);
  const text = `${length} bytes swapped of ${one.offset} of ${region.name} and ${two.offset} of ${other.name}`;
  return { regions: [region, other], text };
};

/** A field with the value of another one: a pointer that two have. */
const copyField: Mutator = (target) => {
  const { image, region, draw } = target;
  const width = Math.min(pick(draw, WIDTHS), region.lengthBytes);
  const places = Math.floor(region.lengthBytes / width);
  const [from, to] = [draw(places) * width, draw(places) * width];
  image.write(region.at + to, Buffer.from(image.bytes.subarray(region.at + from, region.at + from + width)));
  return told(target, to, `${width} bytes of ${from}`);
};

/** Bytes that slipped by a few. */
const shiftBytes: Mutator = (target) => {
  const { image, region, draw } = target;
  const offset = draw(region.lengthBytes);
  const length = Math.min(1 + draw(64), region.lengthBytes - offset);
  const old = Buffer.from(image.bytes.subarray(region.at + offset, region.at + offset + length));
  image.write(region.at + offset + 1 + draw(4), old.subarray(0, Math.max(0, length - 4)));
  return told(target, offset, `${length} bytes shifted`);
};

const mutators: readonly Mutator[] = [
  flipBit,
  flipBit,
  setBytes,
  setBytes,
  setNumber,
  setNumber,
  setNumber,
  fillUnit,
  copyUnit,
  swapUnits,
  copyField,
  shiftBytes,
];
