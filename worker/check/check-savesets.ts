/**
 * Savesets: seal against manifest, manifest against the files that it names, bases, pins. Of an encrypted device without its
 * key what lies in the folders is checked by the hash at its end.
 */
import { MiB } from '../../shared/base/units.ts';
import { MAX_ASKED_STATES } from '../../shared/contract/ipc.ts';
import { invalid } from '../../shared/format/byte-reader.ts';
import { checkSealedObject } from '../../shared/format/encryption.ts';
import { sha256Hex } from '../../shared/format/hash.ts';
import { type Manifest } from '../../shared/format/manifest.ts';
import { MANIFEST_NAME, PIN_NAME, SEAL_NAME, begunName, savesetFolder } from '../../shared/format/names.ts';
import { decodePin } from '../../shared/format/pin.ts';
import { decodeSeal } from '../../shared/format/seal.ts';
import { type OpenDevice } from '../../shared/repository/device.ts';
import {
  indexFilesOf,
  isSealed,
  listSealed,
  readFile,
  readManifest,
} from '../../shared/repository/saveset-store.ts';
import { type Check, faultOf, isDamage, reasonOf } from './check.ts';
import { PointSet } from './findings.ts';
import { namesBelow, sizeOf } from './survey.ts';

const MAX_SMALL_BYTES = MiB;
const MAX_OBJECT_BYTES = 256 * MiB;

/** A restore point as far as other points and its refs need it. */
export interface CheckedPoint {
  readonly savesetId: string;
  readonly createdAt: string;
  readonly vm: string;
  readonly base: Manifest['base'];
}

/** Points whose manifests could be read. */
export interface CheckedPoints {
  readonly points: CheckedPoint[];
  /** By the saveset that is gone: the one that stands for it. */
  readonly standIns: Map<string, string>;
}

export async function checkSavesets(check: Check): Promise<CheckedPoints> {
  const result: CheckedPoints = { points: [], standIns: new Map() };
  const { savesets } = check.survey;
  const unsealed: string[] = [];
  let done = 0;
  for (const [savesetId, names] of savesets) {
    check.signal.throwIfAborted();
    check.options.progress('savesets', ++done, savesets.size, 'objects');
    if (names.hasPin) await checkPin(check, savesetId);
    if (!names.hasSeal) unsealed.push(savesetId);
    else await checkPoint(check, savesetId, result);
  }
  for (let at = 0; at < unsealed.length; at += MAX_ASKED_STATES)
    await checkUnsealed(check, unsealed.slice(at, at + MAX_ASKED_STATES));
  await checkBases(check, result);
  return result;
}

async function checkPoint(check: Check, savesetId: string, result: CheckedPoints): Promise<void> {
  check.counts.points++;
  const folder = savesetFolder(savesetId);
  const points = pointSet(savesetId);
  const sealFault = await faultOf(() => checkSeal(check, savesetId));
  const device = check.opened;
  const isWhole = device === undefined ? await checkClosed(check, savesetId) : true;
  const manifest = device === undefined ? undefined : await manifestOf(check, device, savesetId);
  if (manifest !== undefined) {
    const { createdAt, base, vm } = manifest;
    result.points.push({ savesetId, createdAt, base, vm: vm.name });
    for (const old of manifest.standsFor) result.standIns.set(old, savesetId);
    await checkFiles(check, savesetId, manifest);
  }
  // a point that is being removed loses its seal first
  if (sealFault === undefined || !(await isSealed(check.storage, savesetId))) return;
  const canBeSealed = device !== undefined && isWhole && (await isComplete(device, savesetId, manifest));
  if (canBeSealed) check.repairable.seals.push(savesetId);
  check.found.add({
    severity: 'damage',
    repairable: canBeSealed,
    inherited: !canBeSealed,
    object: `${folder}/${SEAL_NAME}`,
    what: `${sealFault}, so this is no restore point`,
    remedy: canBeSealed ? 'All else is sound: `device repair` seals it again' : 'The point cannot be used',
    points,
  });
}

/** Throws what is wrong with the seal; a manifest that is gone or damaged shows as one that the seal is not of. */
async function checkSeal(check: Check, savesetId: string): Promise<void> {
  const path = `${savesetFolder(savesetId)}/${SEAL_NAME}`;
  const seal = decodeSeal(await check.storage.readWhole(path, MAX_SMALL_BYTES), 'the seal');
  if (seal.savesetId !== savesetId) throw invalid('the seal', `it is of saveset ${seal.savesetId}`);
  const stored = await check.storage.readWhole(manifestPath(savesetId), MAX_OBJECT_BYTES);
  if (sha256Hex(stored) !== seal.manifestSha256) throw invalid('the seal', 'it is of another manifest');
}

async function manifestOf(
  check: Check,
  device: OpenDevice,
  savesetId: string,
): Promise<Manifest | undefined> {
  try {
    return (await readManifest(device, savesetId)).manifest;
  } catch (error) {
    if (!isDamage(error)) throw error;
    await lose(check, savesetId, MANIFEST_NAME, reasonOf(error));
    return undefined;
  }
}

/** What lies in the folder of an encrypted device whose key is not there; the names tell nothing, so each is a file. */
async function checkClosed(check: Check, savesetId: string): Promise<boolean> {
  const folder = savesetFolder(savesetId);
  let isWhole = true;
  for (const name of await namesBelow(check.storage, folder)) {
    const file = name.slice(folder.length + 1);
    if (file === SEAL_NAME || file === PIN_NAME) continue;
    const fault = await faultOf(async () =>
      checkSealedObject(await check.storage.readWhole(name, MAX_OBJECT_BYTES), name),
    );
    if (fault === undefined) continue;
    await lose(check, savesetId, file, fault);
    isWhole = false;
  }
  return isWhole;
}

/** Files by their content, indexes by their length: their content is read with their refs. */
async function checkFiles(check: Check, savesetId: string, manifest: Manifest): Promise<void> {
  const device = check.opened;
  if (device === undefined) return;
  const folder = savesetFolder(savesetId);
  const indexes = indexFilesOf(manifest);
  for (const file of manifest.files) {
    const fault = await faultOf(() => readFile(device, savesetId, file));
    if (fault !== undefined) await lose(check, savesetId, file.name, fault);
  }
  for (const { name } of indexes) {
    if ((await sizeOf(check.storage, `${folder}/${name}`)) === undefined)
      await lose(check, savesetId, name, 'it is not there');
  }
  const known = new Set([...manifest.files, ...indexes].map(({ name }) => name));
  for (const name of [SEAL_NAME, MANIFEST_NAME, PIN_NAME]) known.add(name);
  for (const path of await namesBelow(check.storage, folder)) {
    if (known.has(path.slice(folder.length + 1))) continue;
    check.found.add({
      severity: 'note',
      object: path,
      what: 'the manifest of the point does not name it',
      remedy: 'Nothing reads it; it goes with the point',
      points: pointSet(savesetId),
    });
  }
}

async function isComplete(
  device: OpenDevice,
  savesetId: string,
  manifest: Manifest | undefined,
): Promise<boolean> {
  if (manifest === undefined) return false;
  const files = [...manifest.files, ...indexFilesOf(manifest)];
  for (const file of files) {
    if ((await faultOf(() => readFile(device, savesetId, file))) !== undefined) return false;
  }
  return true;
}

/** A saveset without a seal belongs to an attempt that goes on, or is what is left of one, or has lost its seal. */
async function checkUnsealed(check: Check, ids: readonly string[]): Promise<void> {
  const states = await check.options.statesOf(ids);
  for (const savesetId of ids) {
    check.signal.throwIfAborted();
    const state = states.get(savesetId) ?? 'unknown';
    if (state === 'live' || check.survey.attempts.has(savesetId)) continue;
    // one that began, or was sealed, since the names were listed
    if (await check.storage.exists(begunName(savesetId))) continue;
    if (await isSealed(check.storage, savesetId)) continue;
    if (state === 'sealed') await reportLostSeal(check, savesetId);
    else if (state === 'unknown' && (await isWhole(check, savesetId))) reportStranger(check, savesetId);
    else {
      check.repairable.savesets.push(savesetId);
      check.found.add({
        severity: 'leftover',
        object: savesetFolder(savesetId),
        what: 'a saveset without a seal, of an attempt that is over',
        remedy: '`device repair` removes it',
      });
    }
  }
}

/** A catalog that was lost, or is of another service, cannot tell a lost seal from an attempt that ended before its seal. */
function reportStranger(check: Check, savesetId: string): void {
  check.found.add({
    severity: 'note',
    object: savesetFolder(savesetId),
    what: 'a whole saveset without a seal, of which this catalog knows nothing: its seal may be lost',
    remedy: 'Nothing removes it here; put its seal back, or delete the folder by hand',
  });
}

async function isWhole(check: Check, savesetId: string): Promise<boolean> {
  const device = check.opened;
  if (device === undefined) return false;
  return isComplete(device, savesetId, await manifestOf(check, device, savesetId));
}

async function reportLostSeal(check: Check, savesetId: string): Promise<void> {
  const canBeSealed = await isWhole(check, savesetId);
  if (canBeSealed) check.repairable.seals.push(savesetId);
  check.found.add({
    severity: 'damage',
    repairable: canBeSealed,
    inherited: !canBeSealed,
    object: `${savesetFolder(savesetId)}/${SEAL_NAME}`,
    what: 'it is not there, although the catalog knows the restore point',
    remedy: canBeSealed ? 'All else is sound: `device repair` seals it again' : 'The point cannot be used',
    points: pointSet(savesetId),
  });
}

async function checkPin(check: Check, savesetId: string): Promise<void> {
  const path = `${savesetFolder(savesetId)}/${PIN_NAME}`;
  const fault = await faultOf(async () => {
    const pin = decodePin(await check.storage.readWhole(path, MAX_SMALL_BYTES), 'the pin');
    if (pin.savesetId !== savesetId) throw invalid('the pin', `it is of saveset ${pin.savesetId}`);
  });
  if (fault === undefined || !(await check.storage.exists(path))) return;
  check.repairable.pins.push(savesetId);
  check.found.add({
    severity: 'damage',
    repairable: true,
    object: path,
    what: `${fault}; the point is kept all the same`,
    remedy: '`device repair` pins it anew, without the note',
    points: pointSet(savesetId),
  });
}

async function checkBases(check: Check, { points, standIns }: CheckedPoints): Promise<void> {
  // one that is there and cannot be read was told as such
  const sealed = [...check.survey.savesets].filter(([, { hasSeal }]) => hasSeal);
  const known = new Set([...sealed.map(([savesetId]) => savesetId), ...standIns.keys()]);
  const { deviceId } = check.device.header;
  const isMissing = ({ base }: CheckedPoint): boolean =>
    base?.deviceId === deviceId && !known.has(base.savesetId);
  if (points.some(isMissing)) await addNewcomers(check, known);
  for (const { savesetId, base } of points.filter(isMissing)) {
    if (!(await isSealed(check.storage, savesetId))) continue;
    check.found.add({
      severity: 'damage',
      inherited: true,
      object: manifestPath(savesetId),
      what: `the point that it builds on, ${base?.savesetId ?? ''}, is not there`,
      remedy: 'Only what this saveset holds itself can be restored',
      points: pointSet(savesetId),
    });
  }
  const elsewhere = points.filter(({ base }) => base !== null && base.deviceId !== deviceId).length;
  if (elsewhere > 0) check.leftOut.push(`Bases of ${elsewhere} restore points: they are on other devices`);
}

/** Points that were sealed since the names were listed: one of them may stand for a base that was removed. */
async function addNewcomers(check: Check, known: Set<string>): Promise<void> {
  const device = check.opened;
  if (device === undefined) return;
  for await (const savesetId of listSealed(check.storage)) {
    if (check.survey.savesets.get(savesetId)?.hasSeal === true) continue;
    const fault = await faultOf(async () => {
      const { manifest } = await readManifest(device, savesetId);
      for (const id of [savesetId, ...manifest.standsFor]) known.add(id);
    });
    if (fault !== undefined) check.leftOut.push(`Saveset ${savesetId}: it came while the check went on`);
  }
}

/** Notes damage of a point, unless the point has been removed meanwhile. */
async function lose(check: Check, savesetId: string, file: string, what: string): Promise<void> {
  if (!(await isSealed(check.storage, savesetId))) return;
  const isIndex = file.endsWith('.index');
  check.found.add({
    severity: 'damage',
    inherited: isIndex || file === MANIFEST_NAME,
    object: `${savesetFolder(savesetId)}/${file}`,
    what,
    remedy: isIndex
      ? 'What it describes of this disk cannot be restored; points that build on it lose the same'
      : 'Restore from another point',
    points: pointSet(savesetId),
  });
}

const manifestPath = (savesetId: string): string => `${savesetFolder(savesetId)}/${MANIFEST_NAME}`;

function pointSet(savesetId: string): PointSet {
  const points = new PointSet();
  points.add(savesetId);
  return points;
}
