/**
 * Real file systems, stopped after every single write that they made to their disk: ext4 of the kernel with its journal, and NTFS by
 * ntfs-3g, which keeps none. What a mount finds in use then is told by their tools (tests/support/write-trace.ts); none of it may
 * be dropped.
 */
import { assert } from 'chai';
import { complement, intersect, totalLength } from '../../shared/domain/extent.ts';
import { mapBytes } from '../support/volume-fixture.ts';
import { type TraceFixture, loadTrace } from '../support/write-trace.ts';

interface Replay {
  /** Writes after which the filter dropped something that is in use, and what. */
  readonly lost: readonly string[];
  readonly gates: ReadonlyMap<string, number>;
  /** Disks on which something was dropped, and the tools could tell what is in use. */
  readonly told: number;
}

async function replay(trace: TraceFixture): Promise<Replay> {
  const { bytes, writes } = trace;
  const lost: string[] = [];
  const gates = new Map<string, number>();
  let told = 0;
  for (let count = 0; count <= writes.length; count++) {
    const write = writes[count - 1];
    write?.bytes.copy(bytes, write.offset);
    const { keep, volumes } = await mapBytes(bytes);
    const gate = volumes[0]?.gate ?? 'none';
    gates.set(gate, (gates.get(gate) ?? 0) + 1);
    const used = trace.usedAfter(count);
    const dropped = complement(keep, bytes.length);
    if (used === null || dropped.length === 0) continue;
    told++;
    const missing = intersect(dropped, used);
    if (totalLength(missing) > 0) lost.push(`after ${count} writes: ${JSON.stringify(missing)}`);
  }
  return { lost, gates, told };
}

describe('mapActiveBlocks after every write of a file system', function () {
  this.timeout(60_000);

  for (const name of ['ext4', 'ntfs']) {
    it(`drops nothing that a mount of ${name} finds in use`, async () => {
      const trace = loadTrace(name);
      const { lost, gates, told } = await replay(trace);
      assert.deepEqual(lost, []);
      assert.deepEqual([...gates.keys()], ['none']);
      assert.isAbove(told, trace.writes.length * 0.95);
    });
  }
});
