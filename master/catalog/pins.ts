/** The columns of `savesets` that hold pins: what keeps a point from being deleted. The device has the pin, too, and first. */
import { type Database } from './database.ts';

export interface PinRecord {
  readonly pinnedAt: string;
  /** Empty when there is none. */
  readonly note: string;
}

export function pinStatements(database: Database) {
  const set = database.prepare<[string, string, string]>(
    'UPDATE savesets SET pinned_at = ?, pin_note = ? WHERE saveset_id = ?',
  );
  const clear = database.prepare<[string]>(
    'UPDATE savesets SET pinned_at = NULL, pin_note = NULL WHERE saveset_id = ?',
  );
  const get = database.prepare<[string], { pinned_at: string | null; pin_note: string | null }>(
    'SELECT pinned_at, pin_note FROM savesets WHERE saveset_id = ?',
  );
  return {
    setPin: (savesetId: string, pin: PinRecord): void => void set.run(pin.pinnedAt, pin.note, savesetId),
    clearPin: (savesetId: string): void => void clear.run(savesetId),
    pinOf(savesetId: string): PinRecord | null {
      const { pinned_at: pinnedAt = null, pin_note: note = null } = get.get(savesetId) ?? {};
      return pinnedAt === null ? null : { pinnedAt, note: note ?? '' };
    },
  };
}
