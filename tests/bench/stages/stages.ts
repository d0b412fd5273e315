/**
 * Each step that a block goes through, alone, on real blocks of the disk, and what could do the step instead. Rates are megabytes
 * (10^6) of plain bytes by CPU second, so that they hold on a machine that is busy with something else too.
 */
import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import zlib from 'node:zlib';
import { compress as napiCompress } from 'zstd-napi';
import { chunkIdOf } from '../../../shared/format/hash.ts';
import { compress, decompress } from '../../../shared/repository/compression.ts';
import { openLocalStorage } from '../../../shared/repository/storage-local.ts';
import { isFilledWith } from '../../../shared/base/filled.ts';
import { say } from '../progress.ts';
import { type StageRow } from '../result/result.ts';

const BLOCK_BYTES = 2 ** 20;
const BLOCKS = 128;
const LEAST_SECONDS = 1;
const MOST_ROUNDS = 200;
const PACKS = 12;
const PACK_BYTES = 64 * 2 ** 20;
const STEP_BYTES = 4 * 2 ** 20;

interface Step {
  readonly stage: string;
  readonly how: string;
  /** Handles a block; answers with its length after packing, where it packs. */
  readonly work: (block: Buffer, number: number) => number | undefined;
}

/** Blocks with content, spread over the image. */
function realBlocks(image: string, capacityBytes: number): Buffer[] {
  const fd = openSync(image, 'r');
  const blocks: Buffer[] = [];
  const places = Math.floor(capacityBytes / BLOCK_BYTES);
  const stride = Math.max(1, Math.floor(places / BLOCKS / 2));
  for (let place = 1; place < places && blocks.length < BLOCKS; place += stride) {
    const block = Buffer.alloc(BLOCK_BYTES);
    readSync(fd, block, 0, BLOCK_BYTES, place * BLOCK_BYTES);
    if (!isFilledWith(block, 0)) blocks.push(block);
  }
  closeSync(fd);
  return blocks;
}

export async function measureStages(
  image: string,
  capacityBytes: number,
  folder: string,
): Promise<StageRow[]> {
  say('Measure each step of the pipeline alone');
  const blocks = realBlocks(image, capacityBytes);
  const packed = blocks.map((block) => {
    const into = Buffer.alloc(BLOCK_BYTES);
    const { codec, length } = compress(block, into);
    return { codec, payload: codec === 'none' ? block : into.subarray(0, length) };
  });
  const steps = [...readSteps(image), ...hashSteps(), ...packSteps(), ...unpackSteps(packed)];
  const rows = steps.map((step) => measureStep(step, blocks));
  return [...rows, await packWriting(packed, folder)];
}

function measureStep({ stage, how, work }: Step, blocks: readonly Buffer[]): StageRow {
  const round = (): number => blocks.reduce((sum, block, number) => sum + (work(block, number) ?? 0), 0);
  const packedBytes = round();
  const start = process.cpuUsage();
  let rounds = 0;
  let seconds = 0;
  while (seconds < LEAST_SECONDS && rounds < MOST_ROUNDS) {
    round();
    rounds++;
    const { user, system } = process.cpuUsage(start);
    seconds = (user + system) / 1e6;
  }
  const plainBytes = blocks.length * BLOCK_BYTES;
  return {
    stage,
    how,
    megabytesPerSecond: (plainBytes * rounds) / seconds / 1e6,
    ratio: packedBytes === 0 ? null : plainBytes / packedBytes,
  };
}

function readSteps(image: string): Step[] {
  const fd = openSync(image, 'r');
  const into = Buffer.alloc(BLOCK_BYTES);
  const zeros = Buffer.alloc(BLOCK_BYTES).fill(1).fill(0);
  return [
    {
      stage: 'read',
      how: 'from the page cache',
      work: (_block, number) => void readSync(fd, into, 0, BLOCK_BYTES, number * BLOCK_BYTES),
    },
    // a block with content leaves at its first bytes
    { stage: 'zero test', how: 'blocks of zeros', work: () => void isFilledWith(zeros, 0) },
  ];
}

function hashSteps(): Step[] {
  const others = ['sha512-256', 'blake2b512', 'sha1'].map((name) => ({
    stage: 'hash',
    how: name,
    work: (block: Buffer) => void createHash(name).update(block).digest(),
  }));
  return [{ stage: 'hash', how: 'SHA-256 (used)', work: (block) => void chunkIdOf(block) }, ...others];
}

function packSteps(): Step[] {
  const into = Buffer.alloc(BLOCK_BYTES);
  const key = randomBytes(32);
  const zstd = [-5, -1, 3].map((level) => ({
    stage: 'compress',
    how: `zstd ${level}`,
    work: (block: Buffer) => napiCompress(block, { compressionLevel: level }).length,
  }));
  const brotli = [0, 1].map((quality) => ({
    stage: 'compress',
    how: `brotli ${quality}`,
    work: (block: Buffer) =>
      zlib.brotliCompressSync(block, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: quality } }).length,
  }));
  return [
    { stage: 'compress', how: 'zstd 1 (used)', work: (block) => compress(block, into).length },
    ...zstd,
    ...nodeZstd(),
    { stage: 'compress', how: 'deflate 1', work: (block) => zlib.deflateRawSync(block, { level: 1 }).length },
    ...brotli,
    {
      stage: 'encrypt',
      how: 'AES-256-GCM',
      work: (block) => {
        const cipher = createCipheriv('aes-256-gcm', key, randomBytes(12));
        cipher.update(block);
        cipher.final();
        cipher.getAuthTag();
        return undefined;
      },
    },
  ];
}

/** Node has zstd of its own from 22.15 on. */
function nodeZstd(): Step[] {
  const own = (zlib as { zstdCompressSync?: (block: Buffer, options: object) => Buffer }).zstdCompressSync;
  if (own === undefined) return [];
  return [
    {
      stage: 'compress',
      how: 'node:zlib zstd 1',
      work: (block) => own(block, { chunkSize: BLOCK_BYTES }).length,
    },
  ];
}

interface Packed {
  readonly codec: ReturnType<typeof compress>['codec'];
  readonly payload: Buffer;
}

function unpackSteps(packed: readonly Packed[]): Step[] {
  const into = Buffer.alloc(BLOCK_BYTES);
  const unpack = (number: number): undefined => {
    decompress(packed[number]!.codec, packed[number]!.payload, into);
    return undefined;
  };
  return [
    { stage: 'unpack', how: 'zstd', work: (_block, number) => unpack(number) },
    {
      stage: 'unpack',
      how: 'zstd, and SHA-256 of the result',
      work: (_block, number) => {
        unpack(number);
        chunkIdOf(into);
        return undefined;
      },
    },
  ];
}

/** Objects of a device as large as its packs, written in its steps, durable at the end. */
async function packWriting(packed: readonly Packed[], folder: string): Promise<StageRow> {
  const steps = Buffer.concat(packed.map(({ payload }) => payload));
  const storage = openLocalStorage(folder);
  const start = process.cpuUsage();
  let writtenBytes = 0;
  for (let number = 0; number < PACKS; number++) {
    const writer = await storage.create(`packs/${number}`, `incoming/${number}.partial`);
    for (let at = 0; writer.lengthBytes < PACK_BYTES; at = (at + STEP_BYTES) % (steps.length - STEP_BYTES))
      await writer.append(steps.subarray(at, at + STEP_BYTES));
    writtenBytes += writer.lengthBytes;
    await writer.finish();
  }
  const { user, system } = process.cpuUsage(start);
  const megabytesPerSecond = writtenBytes / ((user + system) / 1e6) / 1e6;
  return { stage: 'write', how: 'packs of 64 MiB, synced (packed bytes)', megabytesPerSecond, ratio: null };
}
