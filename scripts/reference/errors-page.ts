/** docs/reference/errors.md from shared/base/error-table.ts. */
import { type ErrorRow, errorTable } from '../../shared/base/error-table.ts';

const head = `# Errors

Made from \`shared/base/error-table.ts\` by \`scripts/gen-reference.ts\`; do not edit.

Every error and every warning has one of these codes. "Retry" says whether the service tries the same again by itself:
\`again\` at once, \`reconnect\` with a new session, \`later\` when something else has ended or was repaired, \`never\` at all.
"Exit" is the exit code of a command that ends with the error (see [exit codes](../operations/exit-codes.md)); 0 marks a
recorded fallback: the work went on, and the code stands in a warning. "HTTP" is the status of the API.
`;

export function renderErrorsPage(): string {
  const rows: [string, ErrorRow][] = Object.entries(errorTable);
  const families = new Map<string, [string, ErrorRow][]>();
  for (const row of rows) {
    const family = row[0].split('_', 1)[0] ?? '';
    families.set(family, [...(families.get(family) ?? []), row]);
  }
  const sections = [...families].map(([family, members]) => {
    const lines = members.map(
      ([code, row]) =>
        `| \`${code}\` | ${row.retry} | ${row.exit} | ${row.http} | ${row.help.replaceAll('|', '\\|')} |`,
    );
    return `## ${family}\n\n| code | retry | exit | HTTP | what helps |\n| --- | --- | --- | --- | --- |\n${lines.join('\n')}\n`;
  });
  return [head, ...sections].join('\n');
}
