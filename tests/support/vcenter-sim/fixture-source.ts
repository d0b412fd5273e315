/**
 * The disk fixtures, loaded only when a configuration names one: the loader is the tests' own, not the product's.
 */
import { type DiskFixture } from '../fixtures.ts';

export interface DiskPatch {
  readonly offset: number;
  readonly bytes: Buffer;
}

/** The state a fixture begins in. */
export async function firstState(name: string): Promise<string> {
  const { loadDisk } = await import('../fixtures.ts');
  const fixture: DiskFixture = loadDisk(name);
  const state = fixture.states[0];
  if (state === undefined) throw new Error(`Fixture "${name}" has no state`);
  return state.name;
}

/** Makes a raw file with the content of that state. */
export async function writeFixture(name: string, state: string, path: string): Promise<void> {
  const { writeState } = await import('../fixtures.ts');
  await writeState(name, state, path);
}

/** The writes that turn one state into the other. */
export async function fixturePatches(name: string, from: string, to: string): Promise<readonly DiskPatch[]> {
  const { patchesBetween } = await import('../fixtures.ts');
  return patchesBetween(name, from, to);
}
