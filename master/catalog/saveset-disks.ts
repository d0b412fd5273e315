/** Rows of `saveset_disks`: what a restore point holds of each disk, for views; the manifest has all of it. */
import { type BackupType } from '../../shared/domain/backup-type.ts';
import { type VolumeView } from '../../shared/contract/volume-view.ts';
import { type ByteCounters } from '../../shared/domain/task.ts';
import { type Database } from './database.ts';

export interface VolumeRecord {
  readonly startBytes: number;
  readonly lengthBytes: number;
  readonly fileSystem: string;
  readonly label: string | null;
  readonly clusterBytes: number | null;
  readonly usedBytes: number | null;
  readonly freeBytes: number | null;
  readonly skippedBytes: number;
  /** Free by the file system and kept all the same. */
  readonly kept: readonly { readonly why: string; readonly bytes: number }[];
  /** What the job left out by its paths; nothing where it named none. */
  readonly excluded?: VolumeView['excluded'];
  readonly gate: string | null;
  readonly reason: string | null;
}

/** Rows of earlier versions have no `kept`. */
type StoredVolume = Omit<VolumeRecord, 'kept'> & Partial<Pick<VolumeRecord, 'kept'>>;

export interface SavesetDiskRecord {
  readonly key: number;
  readonly label: string;
  readonly uuid: string | null;
  readonly capacityBytes: number;
  readonly type: BackupType;
  readonly transport: string;
  readonly filter: string;
  readonly volumes: readonly VolumeRecord[];
  /** Why more than the changes was read. */
  readonly fallback: string | null;
  readonly counters: ByteCounters;
}

interface Row {
  readonly key: number;
  readonly label: string;
  readonly uuid: string | null;
  readonly capacity_bytes: number;
  readonly type: BackupType;
  readonly transport: string;
  readonly filter: string;
  readonly volumes: string;
  readonly fallback: string | null;
  readonly counters: string;
}

export function diskStatements(database: Database) {
  const put = database.prepare(
    `INSERT OR REPLACE INTO saveset_disks
       (saveset_id, key, label, uuid, capacity_bytes, type, transport, filter, volumes, fallback, counters)
     VALUES (@savesetId, @key, @label, @uuid, @capacityBytes, @type, @transport, @filter, @volumes, @fallback, @counters)`,
  );
  const ofSaveset = database.prepare<[string], Row>(
    'SELECT * FROM saveset_disks WHERE saveset_id = ? ORDER BY key',
  );
  return {
    putDisks: (savesetId: string, disks: readonly SavesetDiskRecord[]): void => {
      for (const disk of disks) {
        const volumes = JSON.stringify(disk.volumes);
        put.run({ ...disk, savesetId, volumes, counters: JSON.stringify(disk.counters) });
      }
    },
    ofSaveset: (savesetId: string): readonly SavesetDiskRecord[] => ofSaveset.all(savesetId).map(fromRow),
  };
}

function fromRow(row: Row): SavesetDiskRecord {
  const { key, label, uuid, type, transport, filter, fallback } = row;
  return {
    key,
    label,
    uuid,
    capacityBytes: row.capacity_bytes,
    type,
    transport,
    filter,
    volumes: (JSON.parse(row.volumes) as readonly StoredVolume[]).map(withKept),
    fallback,
    counters: JSON.parse(row.counters) as ByteCounters,
  };
}

function withKept(volume: StoredVolume): VolumeRecord {
  return { kept: [], ...volume };
}
