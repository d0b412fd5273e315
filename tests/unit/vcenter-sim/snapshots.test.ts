import { assert } from 'chai';
import { existsSync, readdirSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { areasOf, faultOf, GRAIN, makeImage, pattern, TestSim, tinySite } from './raw-client.ts';

describe('snapshots of the simulated vCenter', () => {
  let sim: TestSim;
  beforeEach(async () => {
    sim = await TestSim.start();
    await sim.login();
  });
  afterEach(() => sim.stop());
  const file = (name: string): string => join(sim.sim.ready.datastores['ds1']!, 'vm1', name);

  async function guestView(snapshot?: string): Promise<Buffer> {
    const path = join(sim.dir, 'export.raw');
    await sim.control('exportDisk', {
      vm: 'vm1',
      diskKey: 2000,
      path,
      ...(snapshot === undefined ? {} : { snapshot: snapshot.split(':')[1]! }),
    });
    return readFile(path);
  }

  it('freezes the flat file while the guest writes on', async () => {
    const before = pattern(3 * 512);
    await sim.write('vm1', GRAIN - 512, before);
    const snapshot = await sim.snapshot('vm1');
    const frozen = await readFile(file('vm1-flat.vmdk'));
    const after = pattern(1024);
    await sim.write('vm1', GRAIN, after);
    assert.isTrue(frozen.equals(await readFile(file('vm1-flat.vmdk'))));
    assert.isTrue(frozen.equals(await guestView(snapshot)));
    const now = await guestView();
    assert.isTrue(now.subarray(GRAIN, GRAIN + 1024).equals(after));
    assert.isTrue(now.subarray(GRAIN - 512, GRAIN).equals(before.subarray(0, 512)));
  });

  it('merges what the guest wrote into the flat file on removal, and stays sparse', async () => {
    const snapshot = await sim.snapshot('vm1');
    await sim.write('vm1', 5 * GRAIN + 512, pattern(512));
    const expected = await guestView();
    assert.equal((await sim.removeSnapshot(snapshot)).state, 'success');
    assert.isTrue(expected.equals(await readFile(file('vm1-flat.vmdk'))));
    assert.isAtMost((await stat(file('vm1-flat.vmdk'))).blocks * 512, 2 * GRAIN);
    assert.sameMembers(readdirSync(file('')), ['vm1-flat.vmdk', 'vm1.nvram', 'vm1.vmdk', 'vm1.vmx']);
  });

  it('keeps every view right whichever of three snapshots goes first', async () => {
    for (const order of [
      [0, 1, 2],
      [1, 0, 2],
      [2, 1, 0],
      [1, 2, 0],
    ]) {
      const snapshots: string[] = [];
      const views: Buffer[] = [];
      for (let round = 0; round < 3; round++) {
        await sim.write('vm1', round * 3 * 512 + 1024, pattern(2 * GRAIN));
        snapshots.push(await sim.snapshot('vm1', `s${String(round)}`));
        views.push(await guestView());
      }
      await sim.write('vm1', GRAIN, pattern(512));
      const running = await guestView();
      const left = new Set([0, 1, 2]);
      for (const index of order) {
        await sim.removeSnapshot(snapshots[index]!);
        left.delete(index);
        for (const other of left)
          assert.isTrue(
            views[other]!.equals(await guestView(snapshots[other])),
            `s${String(other)} of ${String(order)}`,
          );
        assert.isTrue(running.equals(await guestView()));
      }
      assert.deepEqual((await sim.control('vmState', { vm: 'vm1' })).disks[0]!.files, [
        file('vm1-flat.vmdk'),
      ]);
    }
  });

  it('names the frozen file in the snapshot and the delta in the machine', async () => {
    const snapshot = await sim.snapshot('vm1');
    const frozen = (await sim.property(snapshot, 'config.hardware.device'))!;
    const running = (await sim.property(await sim.moref('vm1'), 'config.hardware.device'))!;
    assert.include(frozen, '<fileName>[ds1] vm1/vm1.vmdk</fileName>');
    assert.notInclude(frozen, '<parent>');
    assert.match(
      running,
      /<fileName>\[ds1\] vm1\/vm1-000001.vmdk<\/fileName>[\s\S]*<parent><fileName>\[ds1\] vm1\/vm1.vmdk<\/fileName>/,
    );
    const tree = await sim.property(await sim.moref('vm1'), 'snapshot');
    assert.include(tree, '<name>ours</name>');
  });

  it('shows in the descriptor that a foreign snapshot lies below', async () => {
    await sim.control('createSnapshot', { vm: 'vm1', name: 'user' });
    const snapshot = await sim.snapshot('vm1');
    assert.include(await sim.property(snapshot, 'config.hardware.device'), 'vm1-000001.vmdk');
    const descriptor = await readFile(file('vm1-000001.vmdk'), 'utf8');
    const parent = await readFile(file('vm1.vmdk'), 'utf8');
    const cid = /^CID=(\w{8})$/m.exec(parent)![1]!;
    assert.match(parent, /^parentCID=ffffffff$/m);
    assert.match(parent, /^RW 8192 VMFS "vm1-flat.vmdk"$/m);
    assert.match(descriptor, new RegExp(`^parentCID=${cid}$`, 'm'));
    assert.include(descriptor, 'createType="vmfsSparse"');
    assert.include(descriptor, 'parentFileNameHint="vm1.vmdk"');
  });

  it('leaves independent disks out', async () => {
    await sim.control('addDisk', {
      vm: 'vm2',
      disk: { capacityBytes: GRAIN, mode: 'independent_persistent' },
    });
    const snapshot = await sim.snapshot('vm2');
    const devices = (await sim.property(snapshot, 'config.hardware.device'))!;
    assert.match(devices, /vm2_1.vmdk<\/fileName>[\s\S]*<diskMode>independent_persistent/);
    assert.isFalse(existsSync(join(sim.sim.ready.datastores['ds1']!, 'vm2', 'vm2_1-000001.vmdk')));
  });

  it('refuses a machine with a multi-writer disk', async () => {
    await sim.control('addDisk', {
      vm: 'vm2',
      disk: { capacityBytes: GRAIN, sharing: 'sharingMultiWriter' },
    });
    const ended = await sim.task(
      'CreateSnapshot_Task',
      await sim.moref('vm2'),
      '<name>x</name><memory>false</memory><quiesce>false</quiesce>',
    );
    assert.equal(ended.error, 'SnapshotIncompatibleDeviceInVm');
  });

  it('answers TaskInProgress to a second task on one machine', async () => {
    const slow = await TestSim.start(tinySite({ taskDelayMs: 300 }));
    await slow.login();
    const inner = '<name>x</name><memory>false</memory><quiesce>false</quiesce>';
    const vm = await slow.moref('vm1');
    const first = slow.call('CreateSnapshot_Task', vm, inner);
    assert.equal((await first).status, 200);
    assert.equal(faultOf(await slow.call('CreateSnapshot_Task', vm, inner)), 'TaskInProgress');
    await slow.stop();
  });

  it('cancels a snapshot that is not made yet', async () => {
    const slow = await TestSim.start(tinySite({ taskDelayMs: 2000 }));
    await slow.login();
    const started = await slow.call(
      'CreateSnapshot_Task',
      await slow.moref('vm1'),
      '<name>x</name><memory>false</memory><quiesce>false</quiesce>',
    );
    const task = /<returnval type="Task">([^<]+)/.exec(started.body)![1]!;
    await slow.call('CancelTask', `Task:${task}`);
    await slow.control('idle', {});
    const found = await slow.property(`Task:${task}`, 'info');
    assert.match(found!, /<state>error<\/state><cancelled>true[\s\S]*xsi:type="RequestCanceled"/);
    assert.equal((await slow.control('stats', {})).snapshotsCreated, 0);
    await slow.stop();
  });

  it('leaves an orphan when removal fails half-way, which consolidation cleans up', async () => {
    const snapshot = await sim.snapshot('vm1');
    await sim.write('vm1', 0, pattern(512));
    await sim.control('fault', {
      rule: { method: 'RemoveSnapshot_Task', fault: 'FileLocked', at: 'task', orphan: true },
    });
    assert.deepEqual(await sim.removeSnapshot(snapshot), { state: 'error', result: '', error: 'FileLocked' });
    const vm = await sim.moref('vm1');
    assert.equal(await sim.property(vm, 'runtime.consolidationNeeded'), 'true');
    assert.isUndefined(await sim.property(vm, 'snapshot'));
    assert.equal((await sim.task('ConsolidateVMDisks_Task', vm)).state, 'success');
    assert.equal(await sim.property(vm, 'runtime.consolidationNeeded'), 'false');
    assert.lengthOf((await sim.control('vmState', { vm: 'vm1' })).disks[0]!.files, 1);
  });

  it('counts snapshots now and at the peak', async () => {
    const first = await sim.snapshot('vm1');
    await sim.snapshot('vm2');
    await sim.removeSnapshot(first);
    const stats = await sim.control('stats', {});
    assert.equal(stats.snapshotsNow, 1);
    assert.equal(stats.snapshotsPeak, 2);
    assert.deepEqual(stats.byVm['vm1'], { now: 0, peak: 1, consolidationNeeded: false });
  });
});

describe('change tracking of the simulated vCenter', () => {
  let sim: TestSim;
  beforeEach(async () => {
    sim = await TestSim.start(tinySite({ cbtMaxExtents: 3 }));
    await sim.login();
  });
  afterEach(() => sim.stop());

  async function round(): Promise<{ snapshot: string; changeId: string }> {
    const snapshot = await sim.snapshot('vm1');
    const changeId = await sim.changeId(snapshot);
    return { snapshot, changeId: changeId! };
  }

  it('reports the grains written between two snapshots, and no others', async () => {
    await sim.write('vm1', 0, pattern(512));
    const first = await round();
    assert.match(first.changeId, /^([0-9a-f]{2} ){7}[0-9a-f]{2}-([0-9a-f]{2} ){7}[0-9a-f]{2}\/1$/);
    await sim.write('vm1', 4 * GRAIN - 1, pattern(2));
    await sim.removeSnapshot(first.snapshot);
    await sim.write('vm1', 9 * GRAIN, pattern(512));
    const second = await round();
    await sim.write('vm1', 20 * GRAIN, pattern(512));
    await sim.write('vm1', 9 * GRAIN, pattern(512));
    assert.deepEqual(areasOf(await sim.changes('vm1', second.snapshot, { changeId: first.changeId })), [
      [3, 2],
      [9, 1],
    ]);
    assert.deepEqual(areasOf(await sim.changes('vm1', second.snapshot, { changeId: second.changeId })), []);
  });

  it('gives a few extents at a time, with a window that ends after the last', async () => {
    const first = await round();
    for (const grain of [1, 3, 5, 7, 63]) await sim.write('vm1', grain * GRAIN, pattern(512));
    await sim.removeSnapshot(first.snapshot);
    const second = await round();
    const one = await sim.changes('vm1', second.snapshot, { changeId: first.changeId });
    assert.include(one.body, `<startOffset>0</startOffset><length>${6 * GRAIN}</length>`);
    assert.deepEqual(areasOf(one), [
      [1, 1],
      [3, 1],
      [5, 1],
    ]);
    const two = await sim.changes('vm1', second.snapshot, { changeId: first.changeId, start: 6 * GRAIN });
    assert.include(two.body, `<startOffset>${6 * GRAIN}</startOffset><length>${58 * GRAIN}</length>`);
    assert.deepEqual(areasOf(two), [
      [7, 1],
      [63, 1],
    ]);
  });

  it('answers an empty window in the middle when windows are short', async () => {
    const short = await TestSim.start(tinySite({ cbtMaxWindowBytes: 2 * GRAIN }));
    await short.login();
    await short.write('vm1', 4 * GRAIN, pattern(512));
    const snapshot = await short.snapshot('vm1');
    const empty = await short.changes('vm1', snapshot, { start: 2 * GRAIN });
    assert.include(empty.body, `<length>${2 * GRAIN}</length></returnval>`);
    assert.deepEqual(areasOf(await short.changes('vm1', snapshot, { start: 4 * GRAIN })), [[4, 1]]);
    await short.stop();
  });

  it('answers `*` with the grains that hold data, of an imported image too', async () => {
    const path = join(sim.dir, 'image.raw');
    await makeImage(path, 10 * GRAIN, [2, 3, 8]);
    await sim.control('addVm', { vm: { name: 'vm3', cbt: true, disks: [{ path }] } });
    await sim.write('vm3', 5 * GRAIN, pattern(512));
    assert.deepEqual(areasOf(await sim.changes('vm3', await sim.snapshot('vm3'))), [
      [2, 2],
      [5, 1],
      [8, 1],
    ]);
  });

  it('answers `*` with the whole disk on NFS, and when tracking began under snapshots', async () => {
    const nfs = await TestSim.start({ ...tinySite(), datastores: [{ name: 'ds1', type: 'NFS' }] });
    await nfs.login();
    assert.deepEqual(areasOf(await nfs.changes('vm1', await nfs.snapshot('vm1'))), [[0, 64]]);
    await nfs.stop();
    await sim.snapshot('vm2', 'user');
    await sim.task(
      'ReconfigVM_Task',
      await sim.moref('vm2'),
      '<spec><changeTrackingEnabled>true</changeTrackingEnabled></spec>',
    );
    assert.deepEqual(areasOf(await sim.changes('vm2', await sim.snapshot('vm2'))), [[0, 4]]);
  });

  it('begins at the next stun after it was turned on, not before', async () => {
    const vm = await sim.moref('vm2');
    assert.equal(faultOf(await sim.changes('vm2', await sim.snapshot('vm2', 'early'))), 'FileFault');
    await sim.control('removeAllSnapshots', { vm: 'vm2' });
    await sim.task('ReconfigVM_Task', vm, '<spec><changeTrackingEnabled>true</changeTrackingEnabled></spec>');
    assert.equal(await sim.property(vm, 'config.changeTrackingEnabled'), 'true');
    assert.isFalse((await sim.control('vmState', { vm: 'vm2' })).trackingActive);
    assert.isString(await sim.changeId(await sim.snapshot('vm2')));
  });

  const resets: [string, () => Promise<unknown>][] = [
    ['a reset', () => sim.control('resetTracking', { vm: 'vm1' })],
    ['a new size', () => sim.control('resizeDisk', { vm: 'vm1', diskKey: 2000, capacityBytes: 70 * GRAIN })],
    [
      'turning it off and on',
      async () => {
        const vm = await sim.moref('vm1');
        await sim.task(
          'ReconfigVM_Task',
          vm,
          '<spec><changeTrackingEnabled>false</changeTrackingEnabled></spec>',
        );
        await sim.task(
          'ReconfigVM_Task',
          vm,
          '<spec><changeTrackingEnabled>true</changeTrackingEnabled></spec>',
        );
      },
    ],
  ];
  for (const [what, reset] of resets) {
    it(`refuses ChangeIds from before ${what} with FileFault`, async () => {
      const first = await round();
      await sim.removeSnapshot(first.snapshot);
      await reset();
      const second = await round();
      assert.notEqual(second.changeId.split('/')[0], first.changeId.split('/')[0]);
      assert.equal(
        faultOf(await sim.changes('vm1', second.snapshot, { changeId: first.changeId })),
        'FileFault',
      );
    });
  }

  it('refuses a ChangeId that is newer than the snapshot', async () => {
    const first = await round();
    const second = await round();
    assert.equal(
      faultOf(await sim.changes('vm1', first.snapshot, { changeId: second.changeId })),
      'FileFault',
    );
  });

  const refusals: [string, { changeId?: string; start?: number; key?: number }, string][] = [
    ['an offset at the capacity', { start: 64 * GRAIN }, 'InvalidArgument'],
    ['a negative offset', { start: -1 }, 'InvalidArgument'],
    ['a ChangeId of another shape', { changeId: 'abc' }, 'InvalidArgument'],
    ['an unknown disk', { key: 2009 }, 'NotFound'],
  ];
  for (const [what, query, fault] of refusals) {
    it(`refuses ${what} with ${fault}`, async () => {
      assert.equal(faultOf(await sim.changes('vm1', await sim.snapshot('vm1'), query)), fault);
    });
  }

  it('needs a snapshot unless the machine is off', async () => {
    assert.equal(faultOf(await sim.changes('vm1', undefined)), 'FileFault');
    await sim.task('PowerOffVM_Task', await sim.moref('vm1'));
    assert.equal((await sim.changes('vm1', undefined)).status, 200);
  });

  it('cannot be turned on for an old hardware version, nor with a stale changeVersion', async () => {
    await sim.control('addVm', { vm: { name: 'old', hwVersion: 4, disks: [] } });
    const vm = await sim.moref('old');
    assert.equal(await sim.property(vm, 'capability.changeTrackingSupported'), 'false');
    const on = '<changeTrackingEnabled>true</changeTrackingEnabled>';
    assert.equal((await sim.task('ReconfigVM_Task', vm, `<spec>${on}</spec>`)).error, 'NotSupported');
    const stale = await sim.task(
      'ReconfigVM_Task',
      await sim.moref('vm1'),
      `<spec><changeVersion>old</changeVersion>${on}</spec>`,
    );
    assert.equal(stale.error, 'ConcurrentAccess');
  });
});
