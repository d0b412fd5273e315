/**
 * Puts the figures of a result into the documentation: `npm run bench:report -- RESULT.json` replaces what lies between the two
 * marks in docs/performance.md, and docs/performance.svg. The text around the marks is written by hand and stays.
 */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { format, resolveConfig } from 'prettier';
import { chartOf } from './result/chart.ts';
import { type BenchResult, FORMAT } from './result/result.ts';
import { asMarkdown, tablesOf } from './result/tables.ts';

const DOCS = path.resolve(import.meta.dirname, '../../docs');
const PAGE = path.join(DOCS, 'performance.md');
const BEGIN = '<!-- figures: begin, made by tests/bench/report.ts -->';
/** Load average before the start from which on others had a share. */
const BUSY = 0.5;
const END = '<!-- figures: end -->';

async function main(file: string | undefined): Promise<void> {
  if (file === undefined) throw new Error('usage: npm run bench:report -- RESULT.json');
  const result = JSON.parse(await readFile(file, 'utf8')) as BenchResult;
  if ((result.format as string) !== FORMAT) throw new Error(`"${file}" is no result of the benchmark`);
  const chart = chartOf(result);
  if (chart !== undefined) await writeFile(path.join(DOCS, 'performance.svg'), chart);
  const page = await readFile(PAGE, 'utf8');
  const [before, after] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (before < 0 || after < before) throw new Error(`"${PAGE}" has no marks for the figures`);
  const figures = [BEGIN, surroundings(result), ...tablesOf(result).map(asMarkdown)].join('\n\n');
  const text = `${page.slice(0, before)}${figures}\n\n${page.slice(after)}`;
  await writeFile(PAGE, await format(text, { ...(await resolveConfig(PAGE)), filepath: PAGE }));
}

function surroundings({ machine, disk, peers, ...result }: BenchResult): string {
  const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  const lines = [
    `Measured on ${result.startedAt.slice(0, 10)} with Blockhouse ${result.product}: ${machine.cores} cores of ${machine.processor}, ` +
      `${gib(machine.memoryBytes)} of memory, Linux ${machine.kernel}, Node ${machine.node}, load before ${machine.loadBefore.toFixed(1)}.`,
    disk === null
      ? ''
      : `Disk of ${gib(disk.capacityBytes)}, ${gib(disk.usedBytes)} in use by ${disk.files.toLocaleString('en')} files, ` +
        `${gib(disk.deletedBytes)} of deleted files; rounds: ${result.rounds}; cold by ${result.cache}.`,
    machine.loadBefore > BUSY
      ? 'The machine was busy with other work: wall times and their ratios say little.'
      : '',
    `Peers: ${Object.entries(peers)
      .map(([name, version]) => (version === null ? `${name} (not installed)` : shortVersion(name, version)))
      .join(', ')}.`,
  ];
  return lines.filter((line) => line !== '').join('\n\n');
}

function shortVersion(name: string, text: string): string {
  return `${name} ${/v?(\d+\.\d[\w.]*)/.exec(text)?.[1] ?? ''}`.trim();
}

try {
  await main(process.argv[2]);
} catch (error) {
  process.stderr.write(`bench:report: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
