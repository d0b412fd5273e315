/** Tables without borders: two blanks between columns, figures to the right, long texts wrapped to the terminal; pure. */
import CliTable from 'cli-table3';
import { printable } from './format.ts';

export interface Column {
  readonly head: string;
  /** Figures stand to the right. */
  readonly align?: 'left' | 'right';
}

const GAP = '  ';
const NARROWEST = 8;
const noBorders = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: GAP,
};

/**
 * @param width - columns of the terminal, or undefined to let every row stand on one line
 */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width?: number,
): string {
  const cells = rows.map((row) => row.map(printable));
  const natural = columns.map((column, index) =>
    Math.max(column.head.length, ...cells.map((row) => longestLine(row[index] ?? ''))),
  );
  const table = new CliTable({
    head: columns.map((column) => column.head),
    chars: noBorders,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    colAligns: columns.map((column) => column.align ?? 'left'),
    colWidths: fit(natural, width),
    wordWrap: true,
    wrapOnWordBoundary: false,
  });
  for (const row of cells) table.push([...row]);
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** Takes from the widest column, one by one, until all fit. */
function fit(natural: readonly number[], width: number | undefined): number[] {
  const widths = [...natural];
  if (width === undefined) return widths;
  let surplus = widths.reduce((sum, own) => sum + own, 0) + GAP.length * (widths.length - 1) - width;
  while (surplus > 0) {
    const widest = widths.indexOf(Math.max(...widths));
    const own = widths[widest] ?? 0;
    if (own <= NARROWEST) break;
    widths[widest] = own - 1;
    surplus--;
  }
  return widths;
}

function longestLine(text: string): number {
  return Math.max(...text.split('\n').map((line) => line.length));
}
