/** docs/reference/cli.md: the help text of every command, found by following the command lists of the help texts. */
import { parseCommand } from '../../master/cli/parser.ts';

const head = `# Command line

Made from the help texts by \`scripts/gen-reference.ts\`; do not edit.

Every command takes \`--json\` (one JSON document on stdout; an error is one on stderr) and \`--data\`. Results go to stdout;
questions, progress and errors go to stderr. How commands end: [exit codes](../operations/exit-codes.md).
`;

const COMMAND_LINE = /^ {2}blockhouse ((?:[a-z]+ ?)+)/;

export async function renderCliPage(): Promise<string> {
  const sections: string[] = [];
  await addSections([], sections);
  return [head, ...sections].join('\n');
}

async function addSections(words: readonly string[], sections: string[]): Promise<void> {
  const parsed = await parseCommand([...words, '--help']);
  if (parsed.kind !== 'text') throw new Error(`no help for ${words.join(' ')}`);
  const title = ['blockhouse', ...words].join(' ');
  sections.push(`## ${title}\n\n\`\`\`text\n${parsed.text.trimEnd()}\n\`\`\`\n`);
  for (const command of listedCommands(parsed.text)) {
    if (command.length === words.length + 1) await addSections(command, sections);
  }
}

function listedCommands(help: string): string[][] {
  const list = /^Commands:\n((?: {2}.*\n)*)/m.exec(help)?.[1] ?? '';
  return list.split('\n').flatMap((line) => {
    const words = COMMAND_LINE.exec(line)?.[1]?.trim().split(' ');
    return words === undefined ? [] : [words];
  });
}
