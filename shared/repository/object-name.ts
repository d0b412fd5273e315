/** The names that a storage takes: none leads out of it, and none hides. */
import { invariant } from '../base/assert.ts';

export const ASIDE_SUFFIX = '.partial';
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*(?:\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/;
const MAX_NAME_LENGTH = 200;

/** Whether an object, or what is being written, may be called so. */
export function isName(name: string): boolean {
  return name.length <= MAX_NAME_LENGTH && NAME.test(name);
}

export function isAside(name: string): boolean {
  return name.endsWith(ASIDE_SUFFIX);
}

/** @throws AppError `BUG_INVARIANT` for a name that no object may have */
export function checkName(name: string): string {
  invariant(isName(name) && !isAside(name), 'an object has a plain relative name', {
    name: name.slice(0, 200),
  });
  return name;
}

/** @throws AppError `BUG_INVARIANT` for a name that nothing in the making may have */
export function checkAsideName(name: string): string {
  invariant(isName(name) && isAside(name), 'an object in the making has an aside name', {
    name: name.slice(0, 200),
  });
  return name;
}
