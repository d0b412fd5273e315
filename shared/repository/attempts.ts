/**
 * Attempts on a device: `incoming/<attempt id>/`, there from before an attempt looks at what the device holds until after all it
 * did is sealed or gone. Reclaiming waits for them: docs/format/device.md §9, §10.
 */
import { hasCode } from '../base/errors.ts';
import { MiB } from '../base/units.ts';
import { type AttemptDocument, decodeAttempt, encodeAttempt } from '../format/attempt.ts';
import { INCOMING_FOLDER, begunAttemptOf, begunName, incomingFolder } from '../format/names.ts';
import { type Storage } from './storage.ts';

const MAX_BEGUN_BYTES = MiB;

export type Attempt = Omit<AttemptDocument, 'format' | 'version'>;

/**
 * Makes the attempt known; durable when this resolves. Only then may it ask what the device holds.
 * @throws AppError `REPO_OBJECT_EXISTS` for an id that was given before
 */
export async function beginAttempt(storage: Storage, attempt: Attempt): Promise<void> {
  const document: AttemptDocument = { format: 'blockhouse-attempt', version: 1, ...attempt };
  await storage.put(begunName(attempt.attemptId), encodeAttempt(document));
}

/** Ends an attempt: what it was making goes too. Harmless for one that is over. */
export async function endAttempt(storage: Storage, attemptId: string): Promise<void> {
  await storage.removeFolder(incomingFolder(attemptId));
}

/** The ids of the attempts under way, in order. */
export async function listAttempts(storage: Storage): Promise<readonly string[]> {
  const ids: string[] = [];
  for await (const { name } of storage.list(INCOMING_FOLDER)) {
    const attemptId = begunAttemptOf(name);
    if (attemptId !== undefined) ids.push(attemptId);
  }
  return ids.sort();
}

/**
 * Who writes; undefined for an attempt that is over.
 * @throws AppError `FORMAT_INVALID`, `FORMAT_VERSION_UNKNOWN`
 */
export async function readAttempt(storage: Storage, attemptId: string): Promise<Attempt | undefined> {
  try {
    const bytes = await storage.readWhole(begunName(attemptId), MAX_BEGUN_BYTES);
    return decodeAttempt(bytes, `attempt ${attemptId}`);
  } catch (error) {
    if (hasCode(error, 'REPO_OBJECT_MISSING')) return undefined;
    throw error;
  }
}
