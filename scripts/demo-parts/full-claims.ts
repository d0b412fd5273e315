/** The first full backup: how many at a time, what waits and why, what the filter left out. */
import { type PointView } from '../../shared/contract/api.ts';
import { backUp, type Stage } from './back-up.ts';
import { say } from './checks.ts';
import { observe, type Observed } from './observe.ts';

const STREAMS = 2;

export async function checkFull(stage: Stage): Promise<void> {
  const { shell, sim, checks } = stage;
  const running = backUp(stage, 'full');
  const [{ points }, seen] = await Promise.all([running, observe(shell, sim, running)]);
  checkParallel(stage, seen);
  const stats = await sim.stats();
  checks.that(
    stats.snapshotsPeak <= STREAMS,
    'there never were more snapshots than streams',
    `peak ${stats.snapshotsPeak} of ${stats.snapshotsCreated} made`,
  );
  checks.that(stats.snapshotsNow === 0, 'no snapshot is left on the server');
  const vms = new Set(stage.disks.map(({ vm }) => vm));
  checks.that(
    points.length === vms.size && vms.size >= 6,
    'every VM has a restore point',
    `${points.length}`,
  );
  checkSkipped(stage, points);
  await shell.run(['point', 'show', pointOf(points, 'web01').savesetId]);
}

function checkParallel({ checks }: Stage, seen: Observed): void {
  say();
  say(`Seen by "run show --json", ${seen.looks} times while it ran:`);
  for (const why of seen.why) say(`  streams: ${why}`);
  for (const reason of seen.waitReasons) say(`  a VM ${reason}`);
  checks.that(seen.tasksAtOnce === STREAMS, 'two VMs at a time', `at most ${seen.tasksAtOnce}`);
  checks.that(!seen.hadIdleSnapshot, 'VMs that wait hold no snapshot');
  checks.that(seen.snapshotsAtOnce > 0, 'snapshots were there to be seen', `at most ${seen.snapshotsAtOnce}`);
  const named = [...seen.waitReasons].filter((reason) => /^waits for .* of device "disk1"/.test(reason));
  checks.that(named.length > 0, 'a VM that waits says for what', named[0]);
}

/** What the filter skipped is exactly what the file-system tools call free. */
function checkSkipped({ disks, checks }: Stage, points: readonly PointView[]): void {
  for (const guest of disks) {
    const volumes = pointOf(points, guest.vm).disks.find(({ key }) => key === guest.key)?.volumes ?? [];
    for (const volume of guest.runs[0]!.state.volumes) {
      const free = volume.freeClusters * volume.clusterBytes;
      const report = volumes.find(({ startBytes }) => startBytes === volume.startBytes);
      checks.that(
        report?.skippedBytes === free,
        `${guest.vm}: bytes left out of the ${volume.fileSystem} volume at ${volume.startBytes} are its free clusters`,
        `${report?.skippedBytes ?? 'unknown'} and ${free}`,
      );
    }
  }
  const leftOut = pointOf(points, 'mixed01').leftOutDisks;
  checks.that(
    leftOut.length === 2,
    'disks that cannot be backed up are named',
    leftOut.map(({ reason }) => reason).join('; '),
  );
}

function pointOf(points: readonly PointView[], vm: string): PointView {
  const point = points.find((each) => each.vm === vm);
  if (point === undefined) throw new Error(`"${vm}" has no restore point`);
  return point;
}
