/**
 * The filter over damaged disks of every kind, drawn at random: bits, numbers and whole sectors of what it reads are spoilt, half of the
 * time with checksums made right again so that the damage gets past them. Whatever a disk holds, the filter
 *
 *   answers, without an error           reads nothing outside the disk, and no more than a few times the disk
 *   tells what it drops                 asks for no more than 8 MiB at once; on demand, the memory of the process is looked at, too
 *   drops nothing that it would not drop of the sound disk, where a format has the means to find damage (fuzz/*-disks.ts tell which)
 *
 * BLOCKHOUSE_FUZZ_RUNS draws more, in all; BLOCKHOUSE_FUZZ_SEED what another run has drawn: every disk has a seed of its own.
 */
import { randomInt } from 'node:crypto';
import { assert } from 'chai';
import { type FuzzKind } from '../support/fuzz/fuzz-disk.ts';
import { createFuzzer } from '../support/fuzz/fuzz-run.ts';
import { extKinds } from '../support/fuzz/ext-disks.ts';
import { ntfsKinds } from '../support/fuzz/ntfs-disks.ts';
import { otherKinds } from '../support/fuzz/other-disks.ts';
import { xfsKinds } from '../support/fuzz/xfs-disks.ts';

/** A new parser gets a row here. */
const kinds: readonly FuzzKind[] = [...ntfsKinds, ...extKinds, ...xfsKinds, ...otherKinds];
const RUNS_OF_KIND = 150;
const MAX_GROWTH_BYTES = 768 * 1024 * 1024;

function readNumber(name: string): number | null {
  const text = process.env[name] ?? '';
  return text === '' ? null : Number(text);
}

const wanted = readNumber('BLOCKHOUSE_FUZZ_RUNS');
const runs = wanted === null ? RUNS_OF_KIND : Math.ceil(wanted / kinds.length);
const seed = readNumber('BLOCKHOUSE_FUZZ_SEED') ?? randomInt(2 ** 31);

describe('mapActiveBlocks over damaged disks of every kind', function () {
  this.timeout(wanted === null ? 120_000 : 0);

  for (const { name, make } of kinds) {
    it(`answers in bounds and drops no more than it may: ${name}, from seed ${seed}`, async () => {
      const fuzzer = await createFuzzer(await make());
      const before = process.resourceUsage().maxRSS;
      const started = performance.now();
      for (let run = 0; run < runs; run++) await fuzzer.run((seed + run) >>> 0);
      const { figures } = fuzzer;
      const grown = (process.resourceUsage().maxRSS - before) * 1024;
      assert.equal(figures.runs, runs);
      if (wanted === null) return;
      assert.isBelow(grown, MAX_GROWTH_BYTES);
      const seconds = (performance.now() - started) / 1000;
      const memory = `${Math.ceil(grown / 2 ** 20)} MiB more`;
      console.log(`      ${JSON.stringify(figures)}, ${seconds.toFixed(1)} s, ${memory}`);
    });
  }
});
