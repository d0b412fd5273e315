/**
 * Disks drawn in a terminal of 80 columns: a line for the whole disk and one for each volume, a character for each 64th of
 * it. Pure.
 *
 *   disk          ????██▓▒░··········╳╳╳╳
 *   1 NTFS        ██▓▒░··········
 */
import { PICTURE_CELLS, type Picture } from '../../shared/contract/disk-inspection.ts';
import { type VolumeView } from '../../shared/contract/volume-view.ts';
import { clip, printable } from './format.ts';

const BAR = 64;
const NAME = 14;

/** How much of a cell is in use when all of it is used or skipped: from nearly all down to nothing. */
const shadeOver = [0.95, 0.5, 0.05, 0] as const;

/** What the levels of `levelOf` are drawn with. */
interface Charset {
  /** One for each of `shadeOver`, and one for nothing in use. */
  readonly shades: readonly string[];
  readonly whole: string;
  readonly unknown: string;
}

const unicode: Charset = { shades: ['█', '▓', '▒', '░', '·'], whole: '╳', unknown: '?' };
const ascii: Charset = { shades: ['#', '*', '+', ':', '.'], whole: 'X', unknown: '?' };

export type Level = 'whole' | 'unknown' | 0 | 1 | 2 | 3 | 4;

/** Level of every cell when the picture has `count` of them, which divides `PICTURE_CELLS`. */
export function levelsOf(picture: Picture, count: number): Level[] {
  const each = PICTURE_CELLS / count;
  return Array.from({ length: count }, (_, cell) => {
    const sumOf = (amounts: readonly number[]): number =>
      amounts.slice(cell * each, (cell + 1) * each).reduce((sum, bytes) => sum + bytes, 0);
    return levelOf(sumOf(picture.used), sumOf(picture.skipped), sumOf(picture.whole), sumOf(picture.unknown));
  });
}

/** What most of a cell is; of a filtered volume, how much of it is in use. */
function levelOf(used: number, skipped: number, whole: number, unknown: number): Level {
  const filtered = used + skipped;
  if (unknown > filtered && unknown >= whole) return 'unknown';
  if (whole > filtered) return 'whole';
  const share = filtered === 0 ? 0 : used / filtered;
  const shade = shadeOver.findIndex((least) => share > least);
  return shade === -1 ? 4 : (shade as Level);
}

/** What of a disk is drawn; nothing where there is no picture. */
export interface DrawnDisk {
  readonly volumes: readonly (VolumeView & { readonly picture: Picture | null })[];
  readonly picture: Picture | null;
}

/** The picture of a disk, its volumes numbered from 1, and what the characters mean. */
export function drawDisk(disk: DrawnDisk, hasUnicode: boolean): string[] {
  const charset = hasUnicode ? unicode : ascii;
  const bars = [
    { name: 'disk', picture: disk.picture },
    ...disk.volumes.map(({ fileSystem, picture }, index) => ({
      name: `${index + 1} ${fileSystem}`,
      picture,
    })),
  ];
  const drawn = bars.flatMap(({ name, picture }) =>
    picture === null ? [] : drawBar(name, picture, charset),
  );
  return drawn.length === 0 ? [] : [...drawn, '', ...legend(charset)];
}

function drawBar(name: string, picture: Picture, charset: Charset): string {
  const bar = levelsOf(picture, BAR).map((level) => charOf(level, charset));
  return `${clip(printable(name), NAME).padEnd(NAME)} ${bar.join('')}`;
}

function charOf(level: Level, { shades, whole, unknown }: Charset): string {
  if (level === 'whole') return whole;
  return level === 'unknown' ? unknown : (shades[level] ?? unknown);
}

function legend({ shades, whole, unknown }: Charset): string[] {
  const [full = '', ...less] = shades;
  const none = less.pop() ?? '';
  return [
    `${full} used   ${less.join(' ')} partly used   ${none} free, skipped`,
    `${whole} kept whole, see the gate   ${unknown} unknown or in no volume, kept`,
  ];
}

/** Whether the terminal shows more than ASCII, by the variables of the locale; Windows Terminal has its own. */
export function showsUnicode(env: (name: string) => string | undefined): boolean {
  if (env('WT_SESSION') !== undefined) return true;
  const locale = ['LC_ALL', 'LC_CTYPE', 'LANG'].map(env).find((value) => value !== undefined && value !== '');
  return locale !== undefined && /utf-?8/i.test(locale);
}
