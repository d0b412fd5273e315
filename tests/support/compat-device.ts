/**
 * The devices that later versions must still read: what is on them, and where. scripts/make-compat-device.ts makes those of a
 * version once; tests/integration/compat-devices.test.ts reads all that were ever made.
 */
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const FIXTURES = fileURLToPath(new URL('../fixtures/', import.meta.url));
/** Of the encrypted ones; nothing worth keeping secret is on them. */
export const COMPAT_PASSWORD = 'a password for tests alone';

/** Beside a folder `device-v1` lies `device-v1.json`. */
export interface CompatExpectation {
  readonly encrypted: boolean;
  /** SHA-256 of each disk of each point, by the point's id and the disk's key. */
  readonly points: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export const compatFolder = (name: string): string => path.join(FIXTURES, name);
export const compatExpectation = (name: string): string => path.join(FIXTURES, `${name}.json`);
