/**
 * docs/support-matrix.md against code and tests: every test that a row names is there, and every gate, every file system known by name and every
 * option of the filter has a row. Who adds one of these reads here what is missing.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { assert } from 'chai';

const root = path.resolve(import.meta.dirname, '../../..');
const PAGE = 'docs/support-matrix.md';
const FILTER = 'worker/filter';

const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');

interface Row {
  /** First column, and whatever else is neither gate nor test. */
  readonly text: string;
  readonly section: string;
  readonly gates: readonly string[];
  readonly tests: readonly TestName[];
}

interface TestName {
  readonly file: string;
  readonly title: string;
  /** Which of the cases that the title stands for. */
  readonly cases: readonly string[];
}

const namesIn = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, name]) => name!);

function testsIn(cell: string): TestName[] {
  return [...cell.matchAll(/\[[^\]]+\]\(\.\.\/([^)]+)\)((?: `[^`]+`)+)/g)].map(([, file, names]) => {
    const [title, ...cases] = namesIn(names!);
    return { file: file!, title: title!, cases };
  });
}

function rowsOf(page: string): Row[] {
  return page.split(/^## /m).flatMap((part) => {
    const section = part.split('\n', 1)[0]!;
    const lines = part.split('\n').filter((line) => line.startsWith('|'));
    return lines.slice(2).map((line) => {
      const [, first, second, gate, tests] = line.split(/\s*\|\s*/);
      return { section, text: `${first}; ${second}`, gates: namesIn(gate!), tests: testsIn(tests!) };
    });
  });
}

function sources(): { file: string; text: string }[] {
  const files = readdirSync(path.join(root, FILTER), { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => file.endsWith('.ts'))
    .map((file) => ({ file: `${FILTER}/${file}`, text: read(`${FILTER}/${file}`) }));
}

/** Gates by name, each with the file that has it: names of a type that ends with Gate, and what a gate is closed or set with. */
function gatesOfCode(): Map<string, string> {
  const gates = new Map<string, string>();
  for (const { file, text } of sources()) {
    const unions = [...text.matchAll(/type \w*Gate(?:Name)? =([^;]+);/g)].flatMap(([, union]) =>
      [...union!.matchAll(/'([a-z0-9-]+)'/g)].map(([, gate]) => gate!),
    );
    const used = [...text.matchAll(/(?:(?:closedGate|gateClosed)\(\s*|gate: )'([a-z0-9-]+)'/g)];
    for (const gate of [...unions, ...used.map(([, name]) => name!)]) gates.set(gate, file);
  }
  return gates;
}

/** What the report may call a volume. */
function fileSystemsOfCode(): Set<string> {
  const signatures = read(`${FILTER}/partitions/signatures.ts`);
  const bySignature = [...signatures.matchAll(/textAt\(\d+, '[^']*', '([^']+)'\)/g)];
  const roles = ['gpt', 'mbr'].map((name) => read(`${FILTER}/partitions/${name}.ts`)).join('\n');
  const byRole = [...roles.matchAll(/\[(?:'[0-9a-f-]{36}'|0x[0-9a-f]{2}), '([^']+)'\]/g)];
  const hidden = ['extended', 'protective', 'reserved', 'LDM metadata'];
  const names = [...bySignature, ...byRole].map(([, name]) => name!);
  const others = ['ext2', 'ext3', 'ext4', 'LVM2', 'swap', 'Linux RAID', 'Microsoft reserved'];
  return new Set([...names, ...others].filter((name) => !hidden.includes(name)));
}

/** Fields of the options, those of a group as `group.field`. */
function optionsOfCode(): string[] {
  const text = sources()
    .map((source) => source.text)
    .join('\n');
  const fieldsOf = (name: string): [field: string, type: string][] => {
    const body = new RegExp(`interface ${name} \\{([^}]*)\\}`).exec(text)?.[1] ?? '';
    return [...body.matchAll(/readonly (\w+)\??: ([^;]+);/g)].map(([, field, type]) => [field!, type!]);
  };
  return fieldsOf('FilterOptions').flatMap(([field, type]) => {
    const inner = fieldsOf(/^\w+/.exec(type)![0]);
    return inner.length === 0 ? [field] : inner.map(([name]) => `${field}.${name}`);
  });
}

describe(PAGE, () => {
  const rows = rowsOf(read(PAGE));

  it('has rows', () => assert.isAbove(rows.length, 50));

  it('names a test in every row', () => {
    const without = rows.filter(({ tests }) => tests.length === 0).map(({ text }) => text);
    assert.deepEqual(without, [], `these rows of ${PAGE} name no test as [name](../file) \`title\``);
  });

  it('names only tests that are there', () => {
    const missing: string[] = [];
    for (const { text, tests } of rows) {
      for (const { file, title, cases } of tests) {
        const source = existsSync(path.join(root, file)) ? read(file) : '';
        const isTest = ["'", '`'].some((quote) => source.includes(`it(${quote}${title}${quote}`));
        const lost = cases.filter((name) => !source.includes(name));
        if (!isTest) missing.push(`${text}: ${file} has no test with the title "${title}"`);
        for (const name of lost) missing.push(`${text}: ${file} has no case "${name}"`);
      }
    }
    assert.deepEqual(missing, [], `${PAGE} names tests that are not there (were they renamed?)`);
  });

  it('has a row for every gate of the filter, and for no other', () => {
    const listed = new Set(rows.flatMap(({ gates }) => gates));
    const real = gatesOfCode();
    const missing = [...real]
      .filter(([gate]) => !listed.has(gate))
      .map(([gate, file]) => `${gate} (${file})`);
    assert.deepEqual(missing, [], `these gates need a row in ${PAGE}, with a test that closes them`);
    const gone = [...listed].filter((gate) => !real.has(gate));
    assert.deepEqual(gone, [], `${PAGE} has rows for gates that the filter does not have`);
  });

  it('has a row for everything that the filter knows by name', () => {
    const texts = rows.map(({ text }) => text).join('\n');
    const missing = [...fileSystemsOfCode()].filter((name) => !texts.includes(name));
    assert.deepEqual(missing, [], `these names in a report need a row in ${PAGE}`);
  });

  it('has a row for every option of the filter', () => {
    const section = 'What a job can ask for';
    const listed = rows.filter((row) => row.section === section).flatMap(({ text }) => namesIn(text));
    const missing = optionsOfCode().filter((option) => !listed.includes(option));
    assert.deepEqual(missing, [], `these options need a row under "${section}" in ${PAGE}`);
  });
});
