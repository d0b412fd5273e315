/** Rows of `devices`: what is registered here, and what savesets of a removed device still name. */
import { type Database } from './database.ts';

export interface DeviceRecord {
  readonly deviceId: string;
  readonly name: string;
  readonly path: string;
  readonly streams: number;
  readonly registered: boolean;
}

interface Row {
  readonly device_id: string;
  readonly name: string;
  readonly path: string;
  readonly streams: number;
  readonly registered: number;
}

export type DeviceTable = ReturnType<typeof deviceTable>;

export function deviceTable(database: Database) {
  const put = database.prepare<[string, string, string, number]>(
    `INSERT INTO devices (device_id, name, path, streams, registered) VALUES (?, ?, ?, ?, 1)
     ON CONFLICT (device_id) DO UPDATE SET name = excluded.name, path = excluded.path,
       streams = excluded.streams, registered = 1`,
  );
  const byId = database.prepare<[string], Row>('SELECT * FROM devices WHERE device_id = ?');
  const byName = database.prepare<[string], Row>('SELECT * FROM devices WHERE name = ? AND registered = 1');
  const all = database.prepare<[], Row>('SELECT * FROM devices WHERE registered = 1 ORDER BY name');
  const forget = database.prepare<[string]>('UPDATE devices SET registered = 0 WHERE device_id = ?');
  return {
    register(device: Omit<DeviceRecord, 'registered'>): void {
      put.run(device.deviceId, device.name, device.path, device.streams);
    },
    byId(deviceId: string): DeviceRecord | undefined {
      const row = byId.get(deviceId);
      return row && fromRow(row);
    },
    byName(name: string): DeviceRecord | undefined {
      const row = byName.get(name);
      return row && fromRow(row);
    },
    list: (): readonly DeviceRecord[] => all.all().map(fromRow),
    forget: (deviceId: string): void => void forget.run(deviceId),
  };
}

function fromRow(row: Row): DeviceRecord {
  const { device_id, name, path, streams, registered } = row;
  return { deviceId: device_id, name, path, streams, registered: registered === 1 };
}
