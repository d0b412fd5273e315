import { assert } from 'chai';
import { writeRunSummary } from '../../../master/cli/run-summary.ts';
import { Output } from '../../../master/cli/output.ts';
import { keptLines, volumeCells, volumeName } from '../../../master/cli/volume-report.ts';
import { GiB, MiB } from '../../../shared/base/units.ts';
import { type VolumeView } from '../../../shared/contract/volume-view.ts';
import { aRun, aTask } from '../../support/fake-services.ts';
import { PassThrough } from 'node:stream';

const volume = (over: Partial<VolumeView> = {}): VolumeView => ({
  startBytes: MiB,
  lengthBytes: 99 * GiB,
  fileSystem: 'NTFS',
  label: 'System',
  clusterBytes: 4096,
  usedBytes: 40 * GiB,
  freeBytes: 59 * GiB,
  skippedBytes: 56 * GiB,
  kept: [
    { why: 'shadow copies of the guest', bytes: 2 * GiB },
    { why: 'allocated in the open log', bytes: GiB },
  ],
  gate: null,
  reason: null,
  ...over,
});

const gated = volume({ skippedBytes: 0, kept: [], gate: 'volume-dirty', reason: 'The volume is dirty' });

describe('volumeCells', () => {
  it('adds up what is free and kept', () => {
    assert.deepEqual(volumeCells(volume()), [
      ...[
        '1.00 MiB',
        '99.0 GiB',
        'NTFS "System"',
        '4.00 KiB',
        '40.0 GiB',
        '59.0 GiB',
        '56.0 GiB',
        '3.00 GiB',
      ],
    ]);
  });

  it('counts all free bytes of a volume that was kept whole', () => {
    assert.deepEqual(volumeCells(gated).slice(-2), ['-', '59.0 GiB']);
  });

  it('has dashes for what nobody could tell', () => {
    const unknown = volume({ clusterBytes: null, usedBytes: null, freeBytes: null, gate: 'not-filtered' });
    assert.deepEqual(volumeCells({ ...unknown, skippedBytes: 0 }).slice(3), ['-', '-', '-', '-', '-']);
  });
});

describe('volumeName', () => {
  it('leaves out a label that is not there', () => {
    const fileSystem = 'ext4';
    assert.equal(volumeName({ fileSystem, label: null }), 'ext4');
    assert.equal(volumeName({ fileSystem, label: '' }), 'ext4');
  });
});

describe('keptLines', () => {
  const table: readonly (readonly [string, VolumeView, readonly string[]])[] = [
    [
      'each reason why free space was kept',
      volume(),
      [
        'kept 2.00 GiB of its free space: shadow copies of the guest',
        'kept 1.00 GiB of its free space: allocated in the open log',
      ],
    ],
    ['the gate', gated, ['kept whole: The volume is dirty [volume-dirty]']],
    [
      'a file system that is not looked into, without a gate',
      volume({ gate: 'not-filtered', reason: 'The filter does not look into this file system' }),
      ['kept whole: The filter does not look into this file system'],
    ],
    ['nothing of a volume that is filtered and no more', volume({ kept: [] }), []],
    [
      'what the job left out, and why not more',
      volume({
        kept: [],
        excluded: [
          { path: '\\pagefile.sys', files: 1, bytes: 4 * GiB, kept: null },
          { path: '\\Temp', files: 12, bytes: MiB, kept: '2 with names elsewhere' },
          { path: '\\Cache', files: 0, bytes: 0, kept: 'there is no such name' },
          { path: '\\Empty', files: 0, bytes: 0, kept: null },
        ],
      }),
      [
        'left out "\\pagefile.sys": 1 file, 4.00 GiB',
        'left out "\\Temp": 12 files, 1.00 MiB; kept: 2 with names elsewhere',
        'left nothing out of "\\Cache": there is no such name',
        'left nothing out of "\\Empty"',
      ],
    ],
  ];
  for (const [what, view, lines] of table)
    it(`tells ${what}`, () => assert.deepEqual(keptLines(view), lines));
});

describe('writeRunSummary', () => {
  const textOf = (run: ReturnType<typeof aRun>): string => {
    const stdout = new PassThrough();
    writeRunSummary(new Output({ stdout, stderr: stdout, json: false, color: false }), run, 0);
    return String(stdout.read());
  };

  it('tells of each volume what was kept beyond what is in use, and why', () => {
    const keptVolumes = [volume(), gated].map((view, index) => ({ ...view, disk: 2000 + index }));
    const text = textOf(aRun({ tasks: [aTask({ keptVolumes })] }));
    assert.include(text, 'db01, disk 2000, NTFS "System": kept 2.00 GiB of its free space: shadow copies');
    assert.include(text, 'db01, disk 2001, NTFS "System": kept whole: The volume is dirty [volume-dirty]');
  });

  it('says nothing about it when nothing was', () => {
    assert.notInclude(textOf(aRun()), 'Kept by the filter');
  });
});
