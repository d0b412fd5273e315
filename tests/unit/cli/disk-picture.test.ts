import { assert } from 'chai';
import {
  PICTURE_CELLS,
  type DiskInspection,
  type Picture,
} from '../../../shared/contract/disk-inspection.ts';
import { drawDisk, levelsOf, showsUnicode } from '../../../master/cli/disk-picture.ts';
import { renderDiskSvg } from '../../../master/cli/disk-svg.ts';

type Share = readonly [used: number, skipped: number, whole: number, unknown: number];

/** A picture of 64 parts, each with these bytes of each kind. */
function pictureOf(parts: readonly Share[]): Picture {
  const each = PICTURE_CELLS / 64;
  const cellsOf = (kind: 0 | 1 | 2 | 3): number[] =>
    Array.from({ length: PICTURE_CELLS }, (_, cell) => parts[Math.floor(cell / each)]?.[kind] ?? 0);
  return { used: cellsOf(0), skipped: cellsOf(1), whole: cellsOf(2), unknown: cellsOf(3) };
}

const shares: readonly Share[] = [
  [0, 0, 0, 100],
  [100, 0, 0, 0],
  [60, 40, 0, 0],
  [20, 80, 0, 0],
  [1, 99, 0, 0],
  [0, 100, 0, 0],
  [0, 0, 100, 0],
  [10, 10, 60, 20],
  [30, 30, 0, 40],
  [0, 0, 50, 50],
];
const picture = pictureOf([...shares, ...new Array<Share>(64 - shares.length).fill([0, 100, 0, 0])]);

const inspection: DiskInspection = {
  file: '/images/a & b.raw',
  capacityBytes: 2 ** 30,
  state: 'partly',
  keptBytes: 2 ** 29,
  skippedBytes: 2 ** 29,
  readBytes: 2 ** 20,
  warnings: [],
  picture,
  volumes: [
    {
      ...{
        startBytes: 2 ** 20,
        lengthBytes: 2 ** 29,
        fileSystem: 'NTFS',
        label: '<b>\u0001 "x"',
        clusterBytes: 4096,
      },
      ...{ usedBytes: 2 ** 28, freeBytes: 2 ** 28, skippedBytes: 0, kept: [], gate: 'volume-dirty' },
      ...{ reason: 'The volume is dirty', picture },
    },
  ],
};

describe('levelsOf', () => {
  it('tells of each part what most of it is, and how much is in use', () => {
    assert.deepEqual(levelsOf(picture, 64).slice(0, shares.length), [
      ...(['unknown', 0, 1, 2, 3, 4, 'whole', 'whole', 2, 'unknown'] as const),
    ]);
  });
});

describe('drawDisk', () => {
  it('draws the disk and its volumes, in at most 80 columns', () => {
    const bar = `?█▓▒░·╳╳▒?${'·'.repeat(54)}`;
    const lines = drawDisk(inspection, true);
    assert.deepEqual(lines.slice(0, 3), [`disk           ${bar}`, `1 NTFS         ${bar}`, '']);
    for (const line of lines) assert.isAtMost(line.length, 80);
  });

  it('uses nothing but ASCII where there is no more', () => {
    const lines = drawDisk(inspection, false);
    assert.equal(lines[0], `disk           ?#*+:.XX+?${'.'.repeat(54)}`);
    assert.match(lines.join('\n'), /^[\n -~]*$/);
  });
});

describe('showsUnicode', () => {
  const table: readonly (readonly [Readonly<Record<string, string>>, boolean])[] = [
    [{}, false],
    [{ LANG: 'C' }, false],
    [{ LANG: 'de_DE.UTF-8' }, true],
    [{ LANG: 'de_DE.UTF-8', LC_ALL: 'C' }, false],
    [{ LANG: 'C', LC_CTYPE: 'en_US.utf8', LC_ALL: '' }, true],
    [{ WT_SESSION: 'x' }, true],
  ];
  for (const [variables, answer] of table) {
    it(`is ${answer} with ${JSON.stringify(variables)}`, () =>
      assert.equal(
        showsUnicode((name) => variables[name]),
        answer,
      ));
  }
});

describe('renderDiskSvg', () => {
  it('draws bars that are as wide as the picture has cells', () => {
    const svg = renderDiskSvg([{ ...inspection, name: inspection.file }]);
    const widths = [...svg.matchAll(/y="20" width="(\d+)" height="28" fill="#/g)].map(([, width]) =>
      Number(width),
    );
    assert.equal(
      widths.reduce((sum, width) => sum + width, 0),
      2 * PICTURE_CELLS,
    );
  });

  it('lets no name out of its text', () => {
    const svg = renderDiskSvg([{ ...inspection, name: inspection.file }]);
    assert.include(svg, '/images/a &amp; b.raw');
    assert.include(svg, '1: NTFS "&lt;b&gt;  "x""');
    assert.include(svg, 'kept whole: The volume is dirty [volume-dirty]');
  });
});
