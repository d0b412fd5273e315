/**
 * Every error code of Blockhouse: how to retry, which exit code, which HTTP status, and one line of help.
 * docs/reference/errors.md is made from this table, and a test keeps the two equal.
 *
 * retry: `never` the same call fails again; `again` at once may work; `reconnect` after a new session;
 *        `later` when something else has ended or been repaired.
 * exit:  0 a recorded fallback, 1 failed, 2 usage, 3 some VMs failed, 10 not found, 11 locked, 12 access,
 *        13 another program version, 14 damaged data, 70 a bug of ours, 130 cancelled.
 */
export type Retry = 'never' | 'again' | 'reconnect' | 'later';

export interface ErrorRow {
  readonly retry: Retry;
  readonly exit: number;
  readonly http: number;
  readonly help: string;
}

const row = (retry: Retry, exit: number, http: number, help: string): ErrorRow => ({
  retry,
  exit,
  http,
  help,
});

export const errorTable = {
  USAGE_INVALID: row('never', 2, 400, 'Correct the option; --help lists what is allowed'),
  USAGE_CONFLICT: row('never', 2, 409, 'Choose another name, or remove the object that is in the way'),
  USAGE_BUSY: row('later', 11, 409, 'Wait until what is named has ended; a run can be cancelled'),
  USAGE_NOT_FOUND: row('never', 10, 404, 'List the objects of this kind to see what there is'),
  USAGE_AMBIGUOUS: row('never', 2, 409, 'Give more characters of the id'),
  USAGE_UNCONFIRMED: row('never', 2, 400, 'Add --yes, or answer the question at a terminal'),
  USAGE_PASSWORD_MISSING: row(
    'never',
    2,
    400,
    'Use --password-file or --password-env, or a terminal to be asked',
  ),
  CONFIG_INVALID: row('never', 2, 400, 'Correct the setting that is named'),

  AUTH_LOGIN_REFUSED: row('never', 12, 502, 'Check the user name and the password of the server'),
  AUTH_NO_PERMISSION: row('never', 12, 502, 'Give the account the privilege that is named'),
  AUTH_TOKEN_REFUSED: row('never', 12, 401, 'Use the data folder of the running service'),
  AUTH_FINGERPRINT_MISMATCH: row(
    'never',
    12,
    502,
    'Compare the fingerprint with the one that the server shows; if it was renewed, register the new one',
  ),
  AUTH_CERTIFICATE_UNTRUSTED: row(
    'never',
    12,
    502,
    'Pin the certificate with --fingerprint, or install its authority',
  ),
  SECRET_UNREADABLE: row(
    'never',
    12,
    500,
    'Enter the password of the server again with `server add --replace`',
  ),

  SERVICE_NOT_RUNNING: row('later', 1, 503, 'Start it with `blockhouse serve`'),
  SERVICE_ALREADY_RUNNING: row('never', 11, 409, 'Another service uses this data folder; stop it first'),
  SERVICE_ANSWER_INVALID: row(
    'never',
    13,
    502,
    'Command and service are of different versions; restart the service',
  ),
  SERVICE_STOPPING: row('later', 1, 503, 'Try again when the service has started'),

  VSPHERE_UNREACHABLE: row('again', 1, 502, 'Check address, port and network of the server'),
  VSPHERE_TIMEOUT: row('again', 1, 504, 'The server did not answer in time; check its load'),
  VSPHERE_ANSWER_INVALID: row(
    'again',
    1,
    502,
    'The server sent something that is not a vSphere answer; check the URL',
  ),
  VSPHERE_NOT_AUTHENTICATED: row('reconnect', 1, 502, 'The session ended; it is opened again'),
  VSPHERE_FAULT: row('never', 1, 502, 'See the fault that is named'),
  VSPHERE_OBJECT_GONE: row('never', 10, 404, 'The object no longer exists on the server'),
  VSPHERE_BUSY: row('again', 1, 503, 'Another task works on the object; it is tried again'),
  VSPHERE_FILE_LOCKED: row('later', 1, 503, 'Another host or program holds the file'),
  VSPHERE_FILE_FAULT: row('never', 1, 502, 'The server cannot use the file that is named'),
  VSPHERE_NO_SPACE: row('later', 1, 507, 'Make space on the datastore'),
  VSPHERE_INVALID_ARGUMENT: row('never', 1, 502, 'The server refused an argument'),
  VSPHERE_NOT_SUPPORTED: row('never', 1, 502, 'The server does not offer this call for the object'),
  VSPHERE_INVALID_STATE: row('later', 1, 502, 'The object is in a state that does not allow this'),
  VSPHERE_HOST_UNAVAILABLE: row('later', 1, 502, 'The host of the VM does not answer vCenter'),

  SNAPSHOT_QUIESCE_FAILED: row('again', 1, 502, 'Check VMware Tools and the VSS writers in the guest'),
  SNAPSHOT_FAILED: row('again', 1, 502, 'See the fault that is named'),
  SNAPSHOT_NOT_POSSIBLE: row('later', 1, 409, 'Choose another VM, or try again when the server has access'),
  SNAPSHOT_LEFT_OVER: row('later', 1, 502, 'It is removed by the next clean-up; see `run show`'),

  SERVER_SNAPSHOTS_LEFT: row(
    'later',
    11,
    409,
    'Make the server reachable and wait for the clean-up, or give them up with --force',
  ),

  CBT_UNAVAILABLE: row('never', 0, 502, 'The disk was read as a whole'),
  CBT_NOT_USABLE: row('never', 0, 502, 'The disk was read as a whole; the next increment is small again'),
  CBT_ANSWER_INVALID: row('never', 0, 502, 'The server contradicted itself; the disk was read as a whole'),
  CBT_FALLBACK_AGAIN: row('never', 0, 502, 'Reset change tracking of this VM: it failed twice in a row'),

  TRANSPORT_UNAVAILABLE: row('never', 1, 502, 'Choose another transport'),
  TRANSPORT_DELTA_CHAIN: row('never', 1, 409, 'Remove the snapshots of the VM that are not ours'),
  TRANSPORT_SHORT_READ: row('again', 1, 502, 'The source ended before the disk did'),
  TRANSPORT_FAILED: row('again', 1, 502, 'Check the path to the datastore'),
  TRANSPORT_DESCRIPTOR_INVALID: row('never', 1, 502, 'The disk has a descriptor that cannot be read'),

  DISK_NOT_IN_IMAGE: row(
    'never',
    0,
    409,
    'The disk cannot be part of a snapshot; back it up inside the guest',
  ),
  DISK_FILE_UNUSABLE: row('never', 2, 400, 'Name a raw image, or the descriptor of a flat VMDK'),
  FILTER_GATE_CLOSED: row('never', 0, 409, 'The volume was copied unfiltered'),
  PARTITION_TABLE_INVALID: row(
    'never',
    0,
    409,
    'What the table does not tell was copied unfiltered; check the disk in the guest',
  ),
  FS_STRUCTURE_INVALID: row(
    'never',
    0,
    409,
    'The volume was copied unfiltered; check the file system in the guest',
  ),
  FILTER_SHADOW_COPIES_DROPPED: row(
    'never',
    0,
    409,
    'The job gives shadow copies up; --no-drop-shadow-copies keeps them',
  ),
  FILTER_FILES_EXCLUDED: row('never', 0, 409, 'The job leaves these files out; `job edit` changes that'),
  CONSISTENCY_LOWERED: row('never', 0, 409, 'See why the guest could not be quiesced'),
  CONFIGURATION_INCOMPLETE: row('never', 0, 502, 'The disks are complete; see what is missing'),

  REPO_OBJECT_MISSING: row('never', 14, 410, 'The device misses a file; run `verify`'),
  REPO_OBJECT_EXISTS: row('never', 1, 409, 'Objects of a device are never overwritten'),
  REPO_NOT_A_DEVICE: row('never', 10, 404, 'Check the path of the device, or whether it is mounted'),
  REPO_WRONG_DEVICE: row('never', 10, 409, 'Another device is mounted at this path'),
  REPO_DEVICE_LOCKED: row(
    'never',
    12,
    423,
    'Give its password: `device unlock NAME`, or `device add` where it is not registered',
  ),
  REPO_KEY_WRONG: row('never', 12, 401, 'Give the password of one of its key slots'),
  REPO_KEY_SLOTS_FULL: row('never', 2, 409, 'Remove a key slot that nobody needs with `device key remove`'),
  REPO_KEY_SLOT_IN_USE: row('never', 2, 409, 'Unlock the device with the password of another slot first'),
  REPO_CHUNK_DAMAGED: row(
    'never',
    14,
    422,
    'Restore from another point; the next backup stores the chunk anew',
  ),
  REPO_CHUNK_ELSEWHERE: row(
    'never',
    0,
    409,
    'Nothing is lost; `device check NAME --payloads` names the damage',
  ),
  REPO_CHUNK_MISSING: row('never', 14, 422, 'Restore from another point'),
  REPO_PACK_GONE: row('later', 1, 409, 'It is tried again with what the device holds now'),
  REPO_WRITE_FAILED: row('later', 1, 507, 'Check the file system of the device'),
  REPO_READ_FAILED: row('later', 1, 502, 'Check the file system of the device'),
  FORMAT_INVALID: row('never', 14, 422, 'The file is damaged; run `verify`'),
  FORMAT_VERSION_UNKNOWN: row('never', 13, 422, 'A newer Blockhouse wrote this; update'),

  DEVICE_DAMAGED: row(
    'never',
    14,
    422,
    'See what each finding says; `device repair` salvages what can be read',
  ),
  DEVICE_FULL: row('later', 1, 507, 'Make space on the device, then run the job again'),
  DEVICE_OFFLINE: row('later', 1, 503, 'Mount the device, or correct its path'),
  DEVICE_IN_USE: row('later', 11, 409, 'Wait for its streams, or cancel the runs that hold them'),

  CATALOG_VERSION_UNKNOWN: row('never', 13, 500, 'A newer Blockhouse wrote this catalog; update'),
  CATALOG_FAILED: row('later', 1, 500, 'Check the space and the file system of the data folder'),

  IPC_MESSAGE_INVALID: row(
    'never',
    13,
    500,
    'Master and worker are of different versions; restart the service',
  ),
  IPC_FENCED: row('never', 1, 409, 'The attempt was given up; a newer one has its place'),
  IPC_CLOSED: row('later', 1, 500, 'The other process is gone'),
  WORKER_DIED: row('again', 1, 500, 'See the log of the worker; the task is tried again'),
  WORKER_SILENT: row('again', 1, 500, 'The worker stopped answering and was ended; the task is tried again'),
  WORKER_START_FAILED: row('later', 1, 500, 'See the log of the worker'),

  RESTORE_TARGET_EXISTS: row('never', 1, 409, 'Name another file, or allow overwriting with --force'),
  RESTORE_TARGET_FAILED: row('later', 1, 507, 'Check space and rights at the target'),
  RESTORE_CHAIN_BROKEN: row('never', 14, 422, 'Choose another restore point'),
  RESTORE_NOT_POSSIBLE: row('later', 1, 409, 'See the reasons in `restore plan`'),
  VERIFY_FAILED: row('never', 14, 422, 'The parts that are named cannot be restored'),

  RECLAIM_POINT_UNREADABLE: row(
    'never',
    14,
    422,
    'Look with `verify`, mend with `device repair`, or delete that point',
  ),
  RECLAIM_NO_SORT_SPACE: row(
    'never',
    1,
    507,
    'Make space where the path says; on the device nothing has changed',
  ),
  RECLAIM_TOO_DAMAGED: row('never', 14, 422, 'Run `device check`, then `device repair`'),

  CONSOLIDATE_NOT_NEEDED: row(
    'never',
    2,
    409,
    'Nothing to do: it builds on no other point. `point list` shows which ones do',
  ),
  CONSOLIDATE_NOT_POSSIBLE: row(
    'never',
    1,
    409,
    'Try again when what is named is over; `point consolidate --dry-run` tells',
  ),

  PRUNE_PLAN_CHANGED: row('later', 1, 409, 'Look at what would be deleted now with `prune --dry-run`'),

  RUN_PARTLY_FAILED: row('never', 3, 200, 'Some VMs have no new restore point; see `run show`'),
  RUN_FAILED: row('never', 1, 200, 'No VM has a new restore point; see `run show`'),
  CANCELLED: row('never', 130, 499, 'It was cancelled'),
  BUG_INVARIANT: row('never', 70, 500, 'Please report this with the log'),
  BUG_UNEXPECTED: row('never', 70, 500, 'Please report this with the log'),
} as const satisfies Readonly<Record<string, ErrorRow>>;

export type ErrorCode = keyof typeof errorTable;

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(errorTable, text);
}
