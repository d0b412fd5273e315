/** When points were verified, and which are next: those never or longest ago looked at, whatever was found then. */
import { type Database } from './database.ts';
import { type SavesetRecord, type SavesetRow, pointFromRow } from './saveset-rows.ts';

type LookRow = SavesetRow & { readonly looked_at: string | null };

/** Where a page ends, so that the next one begins behind it. */
export interface LookPlace {
  readonly lookedAt: string;
  readonly createdAt: string;
  readonly savesetId: string;
}

export const FIRST_LOOK: LookPlace = { lookedAt: '', createdAt: '', savesetId: '' };

export function verificationStatements(database: Database) {
  const verified = database.prepare<[string, string, string]>(
    'UPDATE savesets SET verified_at = ?, looked_at = ? WHERE saveset_id = ?',
  );
  const looked = database.prepare<[string, string]>('UPDATE savesets SET looked_at = ? WHERE saveset_id = ?');
  const due = database.prepare<[LookPlace & { before: string; limit: number }], LookRow>(
    `SELECT * FROM savesets WHERE state = 'sealed'
       AND (coalesce(looked_at, ''), created_at, saveset_id) > (@lookedAt, @createdAt, @savesetId)
       AND coalesce(looked_at, '') < @before
     ORDER BY coalesce(looked_at, ''), created_at, saveset_id LIMIT @limit`,
  );
  return {
    setVerified: (savesetId: string, at: string): void => void verified.run(at, at, savesetId),
    /** It was verified and something is lost. */
    setLookedAt: (savesetId: string, at: string): void => void looked.run(at, savesetId),
    /** A page of the points that were not looked at since `before`, the longest ago first. */
    dueForVerification(
      after: LookPlace,
      before: string,
      limit: number,
    ): { readonly points: readonly SavesetRecord[]; readonly next: LookPlace | null } {
      const rows = due.all({ ...after, before, limit });
      const last = rows.length < limit ? undefined : rows.at(-1);
      const next = last && {
        lookedAt: last.looked_at ?? '',
        createdAt: last.created_at ?? '',
        savesetId: last.saveset_id,
      };
      return { points: rows.map(pointFromRow), next: next ?? null };
    },
  };
}
