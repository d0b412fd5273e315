/**
 * Which VMs a job means now. A pattern with `/` is matched against the inventory path (`/DC0/vm/prod/**`), any other
 * against the name; neither looks at the case of letters. Pure.
 */
import picomatch from 'picomatch';
import { AppError } from '../../shared/base/errors.ts';

/** What is asked of a VM of the inventory. */
export interface Candidate {
  readonly moref: string;
  readonly name: string;
  readonly inventoryPath: string;
  readonly instanceUuid: string;
  readonly template: boolean;
  readonly connectionState: string;
  readonly provisionedBytes: number;
}

export interface Selection<T extends Candidate> {
  readonly selected: readonly T[];
  /** VMs that a pattern names and that cannot or shall not be backed up. */
  readonly leftOut: readonly { readonly vm: T; readonly reason: string }[];
  /** Patterns that name no VM at all. */
  readonly idlePatterns: readonly string[];
}

type Matcher = (vm: Candidate) => boolean;

/** @throws AppError `USAGE_INVALID` naming a pattern that cannot be used */
export function selectVms<T extends Candidate>(
  vms: readonly T[],
  vmPatterns: readonly string[],
  excludePatterns: readonly string[],
): Selection<T> {
  const wanted = vmPatterns.map(matcher);
  const excluded = excludePatterns.map(matcher);
  const named = vms.filter((vm) => wanted.some((matches) => matches(vm)));
  const selected: T[] = [];
  const leftOut: { vm: T; reason: string }[] = [];
  for (const vm of [...named].sort(byPath)) {
    const reason = whyLeftOut(vm, excludePatterns[excluded.findIndex((matches) => matches(vm))]);
    if (reason === undefined) selected.push(vm);
    else leftOut.push({ vm, reason });
  }
  const idlePatterns = vmPatterns.filter((_pattern, i) => !vms.some((vm) => wanted[i]?.(vm)));
  return { selected, leftOut, idlePatterns };
}

function whyLeftOut(vm: Candidate, pattern: string | undefined): string | undefined {
  if (pattern !== undefined) return `excluded by "${pattern}"`;
  return whyNoSnapshot(vm);
}

/** Why there can be no snapshot of a VM; undefined when there can. */
export function whyNoSnapshot(vm: Pick<Candidate, 'template' | 'connectionState'>): string | undefined {
  if (vm.template) return 'it is a template';
  if (vm.connectionState !== 'connected') return `the server has no access to it: ${vm.connectionState}`;
  return undefined;
}

/**
 * The VMs that `text` names: by moref or instance UUID, else by inventory path, else by name. Of the latter two the one that is
 * written exactly so goes before those that differ in the case of letters.
 */
export function vmsNamed<T extends Candidate>(vms: readonly T[], text: string): readonly T[] {
  const lower = text.toLowerCase();
  const ways: readonly ((vm: T) => boolean)[] = [
    (vm) => vm.moref === text || vm.instanceUuid === lower,
    (vm) => vm.inventoryPath === text,
    (vm) => vm.inventoryPath.toLowerCase() === lower,
    (vm) => vm.name === text,
    (vm) => vm.name.toLowerCase() === lower,
  ];
  return ways.map((fits) => vms.filter(fits)).find((found) => found.length > 0) ?? [];
}

function byPath(a: Candidate, b: Candidate): number {
  if (a.inventoryPath !== b.inventoryPath) return a.inventoryPath < b.inventoryPath ? -1 : 1;
  return a.moref < b.moref ? -1 : 1;
}

/** Whether a name fits one of `patterns`; all names when there is none. @throws AppError `USAGE_INVALID` */
export function nameFilter(patterns: readonly string[] | undefined): (name: string) => boolean {
  if (patterns === undefined || patterns.length === 0) return () => true;
  const tests = patterns.map(matching);
  return (name) => tests.some((test) => test(name));
}

const OPTIONS = { nocase: true, dot: true, nonegate: true, noextglob: true };
/** Everything but `*`, `?` and `/` stands for itself: names of VMs are full of brackets and braces. */
const SPECIAL = /[^\p{L}\p{N}\s*?/_-]/gu;

function matcher(pattern: string): Matcher {
  const matches = matching(pattern);
  return pattern.includes('/') ? (vm) => matches(vm.inventoryPath) : (vm) => matches(vm.name);
}

function matching(pattern: string): (text: string) => boolean {
  try {
    return picomatch(pattern.replace(SPECIAL, '\\$&'), OPTIONS);
  } catch (error) {
    throw new AppError('USAGE_INVALID', `Cannot use the pattern "${pattern}"`, { pattern }, error);
  }
}
