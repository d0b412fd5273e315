/** The picture of a disk as an SVG: a bar for the whole disk, one for each volume, and a legend. Pure. */
import { formatBytes } from '../../shared/base/units.ts';
import { PICTURE_CELLS, type Picture } from '../../shared/contract/disk-inspection.ts';
import { type DrawnDisk, type Level, levelsOf } from './disk-picture.ts';
import { keptLines, volumeName } from './volume-report.ts';

const LEFT = 20;
const BAR_HEIGHT = 28;
const ROW_HEIGHT = 72;
const HEAD_HEIGHT = 48;
const LEGEND_HEIGHT = 40;
const SWATCH_STEP = 190;

const shadeColours = ['#0b4f8a', '#3b7fbd', '#86b3dc', '#c3dbf0', '#eef4fa'] as const;
const WHOLE_COLOUR = '#d9822b';
const UNKNOWN_COLOUR = '#9a9a9a';

const legendEntries: readonly (readonly [string, string])[] = [
  [shadeColours[0], 'used'],
  [shadeColours[2], 'partly used'],
  [shadeColours[4], 'free, skipped'],
  [WHOLE_COLOUR, 'kept whole'],
  [UNKNOWN_COLOUR, 'unknown, kept'],
];

/** A disk with its name and what of it need not be read. */
export interface SvgDisk extends DrawnDisk {
  readonly name: string;
  readonly capacityBytes: number;
  readonly skippedBytes: number;
}

/** A whole SVG document, one disk below the other. */
export function renderDiskSvg(disks: readonly SvgDisk[]): string {
  let height = 0;
  const sections = disks.map((disk) => {
    const rows = rowsOf(disk);
    const section = [
      text(LEFT, 28, headOf(disk), ' font-size="16"'),
      ...rows.map(
        (row, index) => `<g transform="translate(0 ${HEAD_HEIGHT + index * ROW_HEIGHT})">${row}</g>`,
      ),
    ];
    const top = height;
    height += HEAD_HEIGHT + rows.length * ROW_HEIGHT;
    return [`<g transform="translate(0 ${top})">`, ...section, '</g>'];
  });
  const width = PICTURE_CELLS + 2 * LEFT;
  const fullHeight = height + LEGEND_HEIGHT;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${fullHeight}" viewBox="0 0 ${width} ${fullHeight}"` +
      ' font-family="sans-serif" font-size="13">',
    `<rect width="${width}" height="${fullHeight}" fill="#ffffff"/>`,
    ...sections.flat(),
    `<g transform="translate(0 ${height})">${legend()}</g>`,
    '</svg>',
    '',
  ].join('\n');
}

function rowsOf({ capacityBytes, picture: whole, volumes }: SvgDisk): string[] {
  const rows = volumes.map(({ picture, ...volume }, index) => {
    const place = `${formatBytes(volume.lengthBytes)} at ${formatBytes(volume.startBytes)}`;
    const name = `${index + 1}: ${volumeName(volume)}, ${place}, ${formatBytes(volume.skippedBytes)} skipped`;
    return { name, note: keptLines(volume).join('; '), picture };
  });
  return [{ name: `Whole disk, ${formatBytes(capacityBytes)}`, note: '', picture: whole }, ...rows].flatMap(
    ({ name, note, picture }) => (picture === null ? [] : rowOf(name, note, picture)),
  );
}

function headOf({ name, skippedBytes, capacityBytes }: SvgDisk): string {
  return `${name}: ${formatBytes(skippedBytes)} of ${formatBytes(capacityBytes)} need not be read`;
}

function rowOf(name: string, note: string, picture: Picture): string {
  const bars = runsOf(levelsOf(picture, PICTURE_CELLS)).map(
    ({ level, start, length }) =>
      `<rect x="${LEFT + start}" y="20" width="${length}" height="${BAR_HEIGHT}" fill="${colourOf(level)}"/>`,
  );
  const frame = `<rect x="${LEFT}" y="20" width="${PICTURE_CELLS}" height="${BAR_HEIGHT}" fill="none" stroke="#555555"/>`;
  const noted = note === '' ? '' : text(LEFT, 62, note, ' font-size="11" fill="#555555"');
  return [text(LEFT, 14, name), ...bars, frame, noted].join('');
}

interface LevelRun {
  readonly level: Level;
  readonly start: number;
  readonly length: number;
}

/** Neighbours of one level joined. */
function runsOf(levels: readonly Level[]): LevelRun[] {
  const runs: LevelRun[] = [];
  levels.forEach((level, start) => {
    const last = runs.at(-1);
    if (last?.level === level) runs[runs.length - 1] = { ...last, length: last.length + 1 };
    else runs.push({ level, start, length: 1 });
  });
  return runs;
}

function colourOf(level: Level): string {
  if (level === 'whole') return WHOLE_COLOUR;
  return level === 'unknown' ? UNKNOWN_COLOUR : shadeColours[level];
}

function legend(): string {
  return legendEntries
    .map(([colour, meaning], index) => {
      const x = LEFT + index * SWATCH_STEP;
      const swatch = `<rect x="${x}" y="0" width="14" height="14" fill="${colour}" stroke="#555555"/>`;
      return swatch + text(x + 20, 12, meaning);
    })
    .join('');
}

function text(x: number, y: number, content: string, more = ''): string {
  return `<text x="${x}" y="${y}"${more}>${escaped(content)}</text>`;
}

/** Labels come from guests: control characters, which XML has not, become blanks. */
function escaped(content: string): string {
  return (
    content
      // eslint-disable-next-line no-control-regex -- they are what is taken out
      .replace(/[\u0000-\u001f\u007f-\u009f\ufffe\uffff]|\p{Surrogate}/gu, ' ')
      .replace(/&/g, '&amp;')
      .replace(/</g, '&lt;')
      .replace(/>/g, '&gt;')
  );
}
