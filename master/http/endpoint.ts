/**
 * The endpoint file: where the service listens and the token of this start. It is written when the service can answer and
 * removed when it stops; one that is left over by a crash leads to a closed port, which the command line reports as such.
 */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { writeFileAtomic } from '../../shared/base/atomic-file.ts';
import { ENDPOINT_FILE, type EndpointFile } from '../../shared/contract/api.ts';

const OWNER_ONLY = 0o600;

export async function writeEndpoint(dataDir: string, endpoint: EndpointFile): Promise<void> {
  const text = `${JSON.stringify(endpoint, undefined, 2)}\n`;
  await writeFileAtomic(path.join(dataDir, ENDPOINT_FILE), text, OWNER_ONLY);
}

export async function removeEndpoint(dataDir: string): Promise<void> {
  await rm(path.join(dataDir, ENDPOINT_FILE), { force: true });
}
