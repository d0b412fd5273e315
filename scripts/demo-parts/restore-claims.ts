/** Restore plans, restores and verification, held against the disks as they were. */
import { execFileSync } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { type PointSummary, type RestorePlanView } from '../../shared/contract/api.ts';
import { hasProgram } from '../../tests/support/ntfs-oracle.ts';
import { chainOfRuns, pointOfRun, type Stage } from './back-up.ts';
import { say } from './checks.ts';
import { foundMarkers, hasNtfscat, lateContent, wrongFiles } from './files.ts';
import { type GuestDisk } from './guests.ts';
import { hasContentOf, wrongSectors } from './sectors.ts';

/** Disk and run (from 1). */
const RESTORES: readonly (readonly [name: string, run: number])[] = [
  ['web01-2000', 1],
  ['web01-2000', 3],
  ['web01-2000', 5],
  ['db01-2000', 3],
  ['files01-2000', 3],
  ['archive01-2000', 2],
  ['late01-2000', 2],
  ['linux01-2000', 2],
  ['mixed01-2000', 2],
];

async function allPoints({ shell }: Stage): Promise<PointSummary[]> {
  return shell.ask<PointSummary[]>(['point', 'list', '--limit', '200']);
}

export async function showPlans(stage: Stage): Promise<void> {
  const { shell, checks } = stage;
  const known = await allPoints(stage);
  const newest = stage.disks[0]!.runs.length;
  const cases = [
    { run: 1, chain: [1] },
    { run: 3, chain: [1, 3] },
    { run: newest, chain: [1, 3, 4, 5] },
  ];
  for (const { run, chain } of cases) {
    const { savesetId } = pointOfRun(known, { vm: 'web01', run });
    const { code } = await shell.run(['restore', 'plan', savesetId]);
    const plan = await shell.ask<RestorePlanView>(['restore', 'plan', savesetId]);
    checks.that(code === 0 && plan.possible, 'the restore is possible');
    const runs = chainOfRuns(stage, known, savesetId);
    const isChain = runs.join() === chain.join() && plan.chain.length === chain.length;
    checks.that(
      isChain,
      `it needs ${chain.length === 1 ? '1 saveset' : `${chain.length} savesets`}`,
      `of the runs ${runs.join(', ')}`,
    );
    const given = plan.chain.reduce((sum, link) => sum + link.writeBytes, 0);
    checks.that(
      given === plan.totals.writeBytes,
      'every byte is written once',
      `${given} of ${plan.totals.writeBytes}`,
    );
  }
}

export async function checkRestores(stage: Stage): Promise<void> {
  if (!hasNtfscat()) say('ntfscat is not installed: files are checked by their clusters only');
  const known = await allPoints(stage);
  for (const [name, run] of RESTORES) {
    const guest = stage.disks.find((disk) => disk.name === name)!;
    const image = await restored(stage, guest, pointOfRun(known, { vm: guest.vm, run }));
    if (image !== undefined) await checkImage(stage, { guest, run, image });
  }
}

async function restored(
  { shell, checks, folder }: Stage,
  guest: GuestDisk,
  point: PointSummary,
): Promise<Buffer | undefined> {
  const file = `restored/${guest.name}-${point.savesetId}.img`;
  const { code } = await shell.run([
    'restore',
    'disk',
    point.savesetId,
    '--disk',
    String(guest.key),
    '--to',
    file,
  ]);
  if (code !== 0) {
    checks.that(false, `${guest.name} is restored`);
    return undefined;
  }
  const image = await readFile(path.join(folder, file));
  await rm(path.join(folder, file));
  return image;
}

interface Restored {
  readonly guest: GuestDisk;
  readonly run: number;
  readonly image: Buffer;
}

async function checkImage({ checks, folder }: Stage, { guest, run, image }: Restored): Promise<void> {
  const { state, isTouched, inUse } = guest.runs[run - 1]!;
  const wrong = wrongSectors(inUse, image, await guest.truth(run));
  const seen = wrong.length === 0 ? '' : `${wrong.length} sectors differ, the first at byte ${wrong[0]}`;
  checks.that(wrong.length === 0, 'every sector in use is as it was in the snapshot', seen);
  if (!isTouched)
    checks.that(
      hasContentOf(state, image),
      'allocated clusters and gaps have the hashes that the file-system tools gave',
    );
  const isNtfs = state.volumes.some(({ fileSystem }) => fileSystem === 'ntfs');
  if (isNtfs && !isTouched && hasNtfscat()) {
    const files = await wrongFiles(state, image, path.join(folder, 'restored', 'volume.raw'));
    checks.that(files.length === 0, 'ntfscat reads the files as they were', files.slice(0, 3).join(', '));
  }
  const { lateFile } = guest.fixture;
  if (lateFile !== undefined)
    checks.that(
      lateContent(lateFile, state, image) === lateFile.sha256,
      `"${lateFile.path}" has its content`,
    );
  if (state.deletedMarkers.length > 0) checkDeleted(checks, guest, { state, image });
}

/** What was deleted before the first backup must not come back; what was a file then lies in the full and may. */
function checkDeleted(
  checks: Stage['checks'],
  guest: GuestDisk,
  { state, image }: { state: GuestDisk['fixture']['states'][number]; image: Buffer },
): void {
  const markers = guest.runs[0]!.state.deletedMarkers.filter((marker) =>
    state.deletedMarkers.includes(marker),
  );
  const inImage = foundMarkers(image);
  const found = markers.filter((marker) => inImage.has(marker));
  const seen = `of ${markers.length} deleted files ${found.length} are found`;
  checks.that(markers.length > 0 && found.length === 0, 'nothing of deleted files was kept', seen);
}

export async function checkVmdk(stage: Stage): Promise<void> {
  const { shell, checks, folder, disks } = stage;
  const run = 3;
  const guest = disks.find(({ name }) => name === 'late01-2000')!;
  const { savesetId } = pointOfRun(await allPoints(stage), { vm: 'late01', run });
  const file = 'restored/late01.vmdk';
  const words = ['restore', 'disk', savesetId, '--disk', '1', '--to', file, '--format', 'vmdk'];
  const { code } = await shell.run(words);
  checks.that(code === 0, 'a disk is restored as VMDK');
  if (!hasProgram('qemu-img')) {
    say('qemu-img is not installed: the VMDK is not read back');
    return;
  }
  const raw = path.join(folder, 'restored', 'converted.raw');
  say();
  say(`$ qemu-img convert -O raw ${file} converted.raw`);
  execFileSync('qemu-img', ['convert', '-f', 'vmdk', '-O', 'raw', path.join(folder, file), raw]);
  const wrong = wrongSectors(guest.runs[run - 1]!.inUse, await readFile(raw), await guest.truth(run));
  checks.that(wrong.length === 0, 'qemu-img reads the same bytes out of it');
}

export async function checkVerify(stage: Stage): Promise<void> {
  const { shell, checks } = stage;
  const known = await allPoints(stage);
  for (const vm of ['web01', 'late01']) {
    const { savesetId } = pointOfRun(known, { vm, run: stage.disks[0]!.runs.length });
    const { code } = await shell.run(['verify', savesetId]);
    const [after] = (await allPoints(stage)).filter((point) => point.savesetId === savesetId);
    checks.that(code === 0 && after?.verifiedAt != null, `${vm} is verified, and the point remembers it`);
  }
}
