/** Servers and their machines in the HTTP API: vCenters and hosts that the service knows. */
import { z } from 'zod';
import { count, objectName } from './schema.ts';

const datastorePaths = z.record(z.string(), z.string());

export const serverBody = z.strictObject({
  name: objectName,
  url: z.url({ protocol: /^https$/, error: 'use https://HOST or https://HOST/sdk' }),
  username: z.string().min(1),
  password: z.string(),
  fingerprint: z
    .string()
    .regex(/^([0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}$/, 'use 32 hexadecimal pairs with colons (SHA-256)')
    .nullable(),
  datastorePaths: datastorePaths.default({}),
  /** Take the place of a server of this name, keeping its jobs. */
  replace: z.boolean().default(false),
});
export type ServerBody = z.input<typeof serverBody>;

export const serverView = z.object({
  name: z.string(),
  url: z.string(),
  username: z.string(),
  fingerprint: z.string().nullable(),
  datastorePaths,
});
export type ServerView = z.output<typeof serverView>;

export const serverRemovalQuery = z.object({
  /** Also when snapshots of ours may stay on it for ever. */
  force: z.stringbool().default(false),
  /** Only say what would stay behind. */
  dryRun: z.stringbool().default(false),
});

export const serverRemoval = z.object({
  removed: z.boolean(),
  /** Snapshots of ours that may still be there, and that nobody removes any more; the first ones. */
  left: z.array(z.object({ vm: z.string(), moref: z.string(), snapshot: z.string() })),
  leftCount: count,
  /** Jobs that name it: they keep it. */
  jobs: z.array(z.string()),
});
export type ServerRemoval = z.output<typeof serverRemoval>;

export const serverTestView = z.object({
  name: z.string(),
  fullName: z.string(),
  apiVersion: z.string(),
  vms: count,
  /** Rights that a backup needs and the account misses, with the object. */
  missingPrivileges: z.array(z.string()),
});
export type ServerTestView = z.output<typeof serverTestView>;

export const fingerprintBody = z.strictObject({ url: z.url() });
export const fingerprintView = z.object({ fingerprint: z.string(), trusted: z.boolean() });
export type FingerprintView = z.output<typeof fingerprintView>;

export const vmView = z.object({
  moref: z.string(),
  name: z.string(),
  inventoryPath: z.string(),
  instanceUuid: z.string(),
  powerState: z.string(),
  template: z.boolean(),
  changeTracking: z.boolean(),
  provisionedBytes: count,
  disks: z.array(z.object({ key: count, label: z.string(), capacityBytes: count })),
  /** Newest restore point, if any. */
  lastPoint: z.string().nullable(),
});
export type VmView = z.output<typeof vmView>;
