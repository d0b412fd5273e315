/**
 * What a simulated site is made of. All of it is JSON, so that a test writes it and the process reads it.
 */

export interface DatastoreConfig {
  readonly name: string;
  /** NFS answers "everything" to a query for the allocated areas. Default VMFS. */
  readonly type?: 'VMFS' | 'NFS';
  readonly capacityBytes?: number;
  readonly freeBytes?: number;
}
export interface HostConfig {
  readonly name: string;
}
export interface DiskConfig {
  /** Content, one of: a disk fixture in a state (default: its first) … */
  readonly fixture?: string;
  readonly state?: string;
  /** … an existing raw image, copied without its holes … */
  readonly path?: string;
  /** … or nothing but this size. With `fixture` or `path`: enlarges the disk to it. */
  readonly capacityBytes?: number;
  /** Default `persistent`. */
  readonly mode?: 'persistent' | 'independent_persistent' | 'independent_nonpersistent';
  readonly rdm?: 'physicalMode' | 'virtualMode';
  readonly sharing?: 'sharingNone' | 'sharingMultiWriter';
  /** A name of the datastore, when not the VM's own. */
  readonly datastore?: string;
}
export interface VmConfig {
  readonly name: string;
  /** Path of folders below the datacenter's vm folder, `a/b`; '' is the vm folder itself. */
  readonly folder?: string;
  readonly host?: string;
  readonly datastore?: string;
  /** Default poweredOn (a template: poweredOff). */
  readonly powerState?: 'poweredOn' | 'poweredOff';
  readonly guestOs?: 'windows' | 'linux';
  /** Change tracking on and in effect from the start. */
  readonly cbt?: boolean;
  readonly template?: boolean;
  /** 19 means vmx-19; under 7 there is no change tracking. */
  readonly hwVersion?: number;
  readonly nvram?: boolean;
  readonly firmware?: 'bios' | 'efi';
  readonly annotation?: string;
  readonly cpus?: number;
  readonly memoryMb?: number;
  readonly toolsRunning?: boolean;
  readonly scsiSharedBus?: 'noSharing' | 'virtualSharing' | 'physicalSharing';
  readonly disks: readonly DiskConfig[];
}
export interface SiteConfig {
  readonly username?: string;
  readonly password?: string;
  readonly datacenter?: string;
  readonly cluster?: string;
  readonly datastores: readonly DatastoreConfig[];
  readonly hosts: readonly HostConfig[];
  readonly vms: readonly VmConfig[];
  /** How long each task takes at least. Default 20. */
  readonly taskDelayMs?: number;
  /** The same by method, for example { "RemoveSnapshot_Task": 500 }. */
  readonly taskDelayByMethodMs?: Readonly<Record<string, number>>;
  /** Idle time after which a session dies. Default 30 minutes. */
  readonly sessionTimeoutMs?: number;
  /** Sessions at a time; the next Login fails. Default 100. */
  readonly maxSessions?: number;
  /** Objects in one answer of RetrievePropertiesEx at most, whatever is asked. Default 100. */
  readonly maxObjectsPerPage?: number;
  /** Extents in one answer of QueryChangedDiskAreas at most. Default 2000. */
  readonly cbtMaxExtents?: number;
  /** Bytes of disk that one answer covers at most. Default: the whole disk. */
  readonly cbtMaxWindowBytes?: number;
  /** Refuse to turn change tracking on while snapshots exist; a real vCenter accepts it. Default false. */
  readonly refuseCbtWithSnapshots?: boolean;
  /** Privileges that the user lacks, everywhere. */
  readonly deniedPrivileges?: readonly string[];
  /** Bytes per second that one /folder answer sends at most. Default: no limit. */
  readonly folderBytesPerSecond?: number;
  /** Delay before each /folder answer. */
  readonly folderDelayMs?: number;
  /** Write every request envelope into this folder (the password replaced), answers too. */
  readonly dumpDir?: string;
  /** The prefix that answers bind to the XMLSchema-instance namespace. Default `xsi`. */
  readonly xsiPrefix?: string;
  /** 0 (default) takes any free port. */
  readonly port?: number;
}

/** What the process prints, as one JSON line, when it is ready. */
export interface ReadyLine {
  /** `https://127.0.0.1:port` without a path; SOAP is at /sdk, files at /folder. */
  readonly url: string;
  readonly fingerprint: string;
  readonly thumbprintSha1: string;
  /** The self-signed certificate, for clients that verify. */
  readonly certificatePem: string;
  readonly controlUrl: string;
  readonly username: string;
  readonly password: string;
  readonly datastores: Readonly<Record<string, string>>;
}
