/** The full backup as a chart: for each contender one bar of wall time and one of what it stored. Plain SVG, no script. */
import { type Figures, figuresOf } from './figures.ts';
import { type BenchResult } from './result.ts';
import { BACKUPS } from './tables.ts';

const WIDTH = 860;
const LABEL = 220;
const BAR = 14;
const ROW = 44;
const TOP = 64;
const RIGHT = 90;
const GiB = 2 ** 30;
const STYLE = `text { font: 13px system-ui, sans-serif; fill: #24292f } .head { font-weight: 600 } .quiet { fill: #57606a }
.time { fill: #8c959f } .ours { fill: #0969da } .size { fill: #d0d7de }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .quiet { fill: #9198a1 } .size { fill: #3d444d } }`;

interface Bars {
  readonly title: string;
  readonly found: Figures;
  readonly isOurs: boolean;
}

/** Undefined when no backup was measured. */
export function chartOf(result: BenchResult): string | undefined {
  const bars = BACKUPS.flatMap(([name, title]): Bars[] => {
    const found = figuresOf(result, name);
    return found === undefined ? [] : [{ title, found, isOurs: title.startsWith('Blockhouse') }];
  }).toSorted((a, b) => a.found.wallSeconds - b.found.wallSeconds);
  if (bars.length === 0 || result.disk === null) return undefined;
  const longest = Math.max(...bars.map(({ found }) => found.wallSeconds));
  const largest = Math.max(...bars.map(({ found }) => found.storedBytes));
  const height = TOP + bars.length * ROW + 8;
  const rows = bars.map((bar, at) => rowOf(bar, TOP + at * ROW, { longest, largest }));
  const { capacityBytes, usedBytes } = result.disk;
  const disk = `${gib(capacityBytes)} disk, ${gib(usedBytes)} used; ${result.machine.cores} cores`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    '<title>Full backup: wall time and stored bytes</title>',
    `<style>${STYLE}</style>`,
    '<text class="head" x="8" y="22">Full backup: wall time, and what was stored</text>',
    `<text class="quiet" x="8" y="42">${disk}; shorter is better</text>`,
    ...rows,
    '</svg>',
    '',
  ].join('\n');
}

function rowOf(
  { title, found, isOurs }: Bars,
  y: number,
  most: { longest: number; largest: number },
): string {
  const room = WIDTH - LABEL - RIGHT;
  const time = Math.max(1, (found.wallSeconds / most.longest) * room);
  const size = Math.max(1, (found.storedBytes / most.largest) * room);
  const bar = (className: string, at: number, length: number): string =>
    `<rect class="${className}" x="${LABEL}" y="${at}" width="${length.toFixed(1)}" height="${BAR}" rx="2"/>`;
  const text = (at: number, length: number, words: string): string =>
    `<text class="quiet" x="${(LABEL + length + 6).toFixed(1)}" y="${at + 12}">${words}</text>`;
  return [
    `<text x="8" y="${y + 18}">${title}</text>`,
    bar(isOurs ? 'ours' : 'time', y, time),
    text(y, time, `${found.wallSeconds.toFixed(1)} s`),
    bar('size', y + BAR + 2, size),
    text(y + BAR + 2, size, gib(found.storedBytes)),
  ].join('\n');
}

const gib = (bytes: number): string => `${(bytes / GiB).toFixed(2)} GiB`;
