/**
 * Statements for savesets that another one stands for: what builds on them builds on that one from then on, also what is sealed
 * later and names the old one in its manifest.
 */
import { type Database } from './database.ts';

export function replacementStatements(database: Database) {
  const note = database.prepare<[string, string]>(
    'INSERT INTO replaced (old_id, saveset_id) VALUES (?, ?) ON CONFLICT (old_id) DO UPDATE SET saveset_id = excluded.saveset_id',
  );
  const rebase = database.prepare<[string, string]>('UPDATE savesets SET base_id = ? WHERE base_id = ?');
  const movePin = database.prepare<[string, string]>(
    `UPDATE savesets SET (pinned_at, pin_note) = (SELECT pinned_at, pin_note FROM savesets WHERE saveset_id = ?)
     WHERE saveset_id = ? AND pinned_at IS NULL`,
  );
  const current = database.prepare<[string], { id: string }>(
    'SELECT saveset_id AS id FROM replaced WHERE old_id = ?',
  );
  return {
    /** Lets one saveset stand for another, which gives it what builds on it, and its pin. Call it inside a transaction. */
    replace(oldId: string, savesetId: string): void {
      note.run(oldId, savesetId);
      rebase.run(savesetId, oldId);
      movePin.run(oldId, savesetId);
    },
    /** The saveset that stands for this one now: itself unless it was replaced. */
    currentId: (savesetId: string): string => current.get(savesetId)?.id ?? savesetId,
  };
}
