/**
 * The contest: in each round every contender is measured once, ours and the others in turns, the disk cold. Every second round
 * goes backwards, so that nobody always follows the same neighbour.
 */
import { CONTEST } from '../options.ts';
import { measureCommand } from '../measure/measure.ts';
import { say } from '../progress.ts';
import { storedBytesOf } from './folder-size.ts';
import { MACHINE, measureChain, measureFull, type Ours, TWIN } from './ours.ts';
import { type Peer, peers, versionOf } from './peers.ts';
import { addMachine, Service, startVcenter } from './service.ts';
import { type Stage } from './stage.ts';

type Contender = (ours: Ours) => Promise<void>;

export async function runContest(stage: Stage): Promise<void> {
  const { only, rounds } = stage.options;
  if (!CONTEST.some((name) => only.has(name))) return;
  say('Start a simulated vCenter with the disk');
  await using sim = await startVcenter(stage.folder('vcenter'));
  await addMachine(sim, MACHINE, stage.files.image);
  if (only.has('dedup')) await addMachine(sim, TWIN, stage.files.image);
  await using service = await Service.start(stage.folder('service'), sim);
  const order = contenders();
  for (stage.round = 0; stage.round < rounds; stage.round++) {
    say(`Round ${stage.round + 1} of ${rounds}`);
    for (const contender of stage.round % 2 === 0 ? order : order.toReversed())
      await contender({ stage, sim, service });
  }
}

function contenders(): Contender[] {
  const peer = (name: Peer['name']): Contender => {
    const found = peers.find((each) => each.name === name)!;
    return ({ stage }) => measurePeer(stage, found);
  };
  return [
    measureChain,
    peer('ntfsclone'),
    peer('partclone'),
    (ours) => measureFull(ours, 'full-no-abm'),
    peer('partclone-zstd'),
    peer('borg'),
    (ours) => measureFull(ours, 'https'),
    peer('restic'),
    (ours) => measureFull(ours, 'https-no-abm'),
    peer('qemu-img'),
    peer('nbdcopy'),
    peer('dd'),
  ];
}

async function measurePeer(stage: Stage, peer: Peer): Promise<void> {
  const { name, env = {} } = peer;
  if (!stage.options.only.has(name) || versionOf(peer) === null) return;
  await stage.attempt(name, async () => {
    const { image, volume } = stage.files;
    const store = await stage.freshFolder(name);
    const back = await stage.freshFolder('restored');
    const task = { image, volume, store, back };
    const homes = { HOME: stage.folder('home'), ...env };
    if (peer.before !== undefined) await measureCommand({ line: peer.before(task), cwd: store, env: homes });
    stage.emptyCache();
    const measured = await measureCommand({ line: peer.backup(task), cwd: store, env: homes });
    stage.keep(name, measured, { storedBytes: await storedBytesOf(store) });
    if (peer.restore !== undefined) {
      stage.emptyCache(store);
      const line = peer.restore(task);
      stage.keep(`${name}-restore`, await measureCommand({ line, cwd: back, env: homes }));
    }
    await stage.dropFolder(name);
    await stage.dropFolder('restored');
  });
}
