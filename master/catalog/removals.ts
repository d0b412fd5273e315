/**
 * Statements for the end of a restore point: `sealed` → `removing` → `gone`. In `removing` no query shows it, but the device may
 * still hold it, so its base must stay until it is gone.
 */
import { type Database } from './database.ts';

/** A saveset whose removal began and has not ended. */
export interface Removing {
  readonly savesetId: string;
  readonly baseId: string | null;
  readonly deviceId: string;
}

export function removalStatements(database: Database) {
  const remove = database.prepare<[string]>(
    `UPDATE savesets SET state = 'removing' WHERE saveset_id = ? AND state = 'sealed'`,
  );
  const uncount = database.prepare<[string]>(
    `UPDATE devices SET points = points - 1
     WHERE device_id = (SELECT device_id FROM savesets WHERE saveset_id = ? AND state = 'sealed')`,
  );
  const sealedOn = database.prepare<[string], { id: string }>(
    `SELECT saveset_id AS id FROM savesets WHERE state = 'sealed' AND base_id = ? LIMIT 1`,
  );
  const removingOn = database.prepare<[string], { id: string }>(
    `SELECT saveset_id AS id FROM savesets WHERE state = 'removing' AND base_id = ? LIMIT 1`,
  );
  const onDevice = database.prepare<[string], { id: string }>(
    `SELECT saveset_id AS id FROM savesets WHERE state = 'sealed' AND device_id = ?`,
  );
  const removing = database.prepare<[], Removing>(
    `SELECT saveset_id AS savesetId, base_id AS baseId, device_id AS deviceId FROM savesets WHERE state = 'removing'`,
  );
  return {
    /** The point is none from now on. Call it inside a transaction. */
    setRemoving(savesetId: string): void {
      uncount.run(savesetId);
      remove.run(savesetId);
    },
    /** A saveset that still builds on this one, wherever its own removal stands; undefined when there is none. */
    dependentOf: (savesetId: string): string | undefined =>
      (sealedOn.get(savesetId) ?? removingOn.get(savesetId))?.id,
    /** The points that the catalog knows on a device. */
    idsOnDevice: (deviceId: string): readonly string[] => onDevice.all(deviceId).map(({ id }) => id),
    listRemoving: (): readonly Removing[] => removing.all(),
  };
}
