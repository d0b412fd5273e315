/**
 * Checking SOAP envelopes against VMware's own schema, which lies beside the project and is not part of it: xmllint looks at
 * the child of each Body. Where the schema or xmllint is missing, callers skip and say so.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const schemaFolder = fileURLToPath(new URL('../../../shared/vim25', import.meta.url));

/** Why requests cannot be validated here, or undefined when they can. */
export function whyNoSchema(): string | undefined {
  if (!existsSync(path.join(schemaFolder, 'vim-all.xsd'))) return 'the schema ../shared/vim25 is not there';
  return spawnSync('xmllint', ['--version']).error === undefined ? undefined : 'xmllint is not installed';
}

export interface CapturedRequest {
  readonly method: string;
  readonly envelope: string;
}

/** What the schema refuses, one line a request; empty when all are valid. */
export async function validateRequests(requests: readonly CapturedRequest[]): Promise<readonly string[]> {
  const folder = await mkdtemp(path.join(tmpdir(), 'blockhouse-xsd-'));
  try {
    const files: string[] = [];
    for (const [index, request] of requests.entries()) {
      const file = path.join(folder, `${index}-${request.method}.xml`);
      await writeFile(file, bodyOf(request.envelope));
      files.push(file);
    }
    const schema = path.join(schemaFolder, 'vim-all.xsd');
    const result = spawnSync('xmllint', ['--noout', '--schema', schema, ...files], { encoding: 'utf8' });
    const lines = result.stderr.split('\n').filter((line) => line !== '' && !line.endsWith(' validates'));
    return result.status === 0 ? [] : lines;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The child of Body as a document of its own; the namespaces of the envelope go with it. */
function bodyOf(envelope: string): string {
  const match = /<(\w+):Envelope([^>]*)>.*?<\1:Body>(.*)<\/\1:Body>/s.exec(envelope);
  const [, , namespaces, child] = match ?? [];
  if (namespaces === undefined || child === undefined) throw new Error('A request has no SOAP body');
  return child.replace(/^<([\w:]+)/, `<$1 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"`);
}
