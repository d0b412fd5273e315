/** From the manifest of a saveset to the rows that the catalog keeps of it. Pure; the manifest stays the authority. */
import { isErrorCode } from '../../shared/base/error-table.ts';
import { type Warning } from '../../shared/contract/ipc.ts';
import { type Manifest, type ManifestDisk } from '../../shared/format/manifest.ts';
import { type SavesetDiskRecord } from '../catalog/saveset-disks.ts';
import { type SavesetRecord } from '../catalog/saveset-rows.ts';

export function pointOfManifest(manifest: Manifest, manifestSha256: string): SavesetRecord {
  const { vm, consistency } = manifest;
  return {
    savesetId: manifest.savesetId,
    token: manifest.token,
    deviceId: manifest.deviceId,
    runId: manifest.runId,
    taskId: manifest.taskId,
    job: manifest.jobName,
    server: vm.server,
    vmName: vm.name,
    vmUuid: vm.instanceUuid,
    vmMoref: vm.moref,
    type: manifest.type,
    baseId: manifest.base?.savesetId ?? null,
    createdAt: manifest.createdAt,
    finishedAt: manifest.finishedAt,
    consistencyAsked: consistency.asked,
    consistency: consistency.reached,
    consistencyNote: consistency.reason,
    manifestSha256,
    counters: manifest.counters,
    leftOutDisks: manifest.leftOutDisks.map(({ key, label, reason }) => ({ key, label, reason })),
    warnings: manifest.warnings.map(knownWarning),
    verifiedAt: null,
  };
}

export function disksOfManifest(manifest: Manifest): readonly SavesetDiskRecord[] {
  return manifest.disks.map(diskRecord);
}

function diskRecord(disk: ManifestDisk): SavesetDiskRecord {
  const { key, label, uuid, capacityBytes, type, transport, counters, filter, fallback } = disk;
  return {
    key,
    label,
    uuid,
    capacityBytes,
    type,
    transport,
    filter: filter.state,
    volumes: filter.volumes,
    fallback: fallback?.reason ?? null,
    counters,
  };
}

/** A newer program may have written a code that this one does not know. */
function knownWarning(warning: { readonly code: string; readonly message: string }): Warning {
  const { code, message } = warning;
  return isErrorCode(code) ? { code, message } : { code: 'BUG_UNEXPECTED', message: `${code}: ${message}` };
}
