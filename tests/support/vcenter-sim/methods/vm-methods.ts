/**
 * Tasks on a machine: snapshots, consolidation, reconfiguration, power.
 */
import { consolidate, createSnapshot, detachSnapshot } from '../model/snapshot-work.ts';
import { isSnapshotable, SimSnapshot, type SimVm } from '../model/sim-vm.ts';
import {
  invalidArgument,
  invalidPowerState,
  invalidRequest,
  objectGone,
  SimFault,
  taskInProgress,
} from '../sim-fault.ts';
import { SimTask, type TaskControl } from '../tasks.ts';
import { dataOf, flagOf, Moref, textOf, type Data, type Value } from '../values.ts';
import { targetVm, type Methods, type SessionContext } from './method.ts';

const MAX_SNAPSHOTS = 32;

interface TaskChoices {
  readonly cancelable?: boolean;
  /** The scripted fault comes after the work instead of before it. */
  readonly faultLate?: (orphan: boolean) => void;
}

/** Starts a task on the machine. @throws SimFault TaskInProgress, MethodDisabled, or what state forbids */
function startTask(
  context: SessionContext,
  vm: SimVm,
  work: (control: TaskControl) => Promise<Value | undefined>,
  choices: TaskChoices = {},
): Moref {
  const { site, session, parameters } = context;
  const method = parameters.$type;
  if (vm.busy !== undefined) throw taskInProgress(vm.busy);
  if (vm.disabledMethods.has(method))
    throw new SimFault('MethodDisabled', `The method is disabled by 'sim'`, { source: 'sim' });
  if (vm.connectionState !== 'connected')
    throw new SimFault('InvalidState', 'The operation is not allowed in the current state.');
  if (vm.question !== undefined)
    throw new SimFault('QuestionPending', 'The virtual machine has a question pending.', {
      text: textOf(vm.question, 'text'),
    });
  const scripted = site.taskFault(method, vm);
  const spec = {
    vm,
    method,
    userName: session.userName,
    delayMs: site.taskDelayMs(method),
    cancelable: choices.cancelable === true,
  };
  return site.tasks.start(spec, async (control) => {
    if (scripted !== undefined) {
      choices.faultLate?.(scripted.rule.orphan === true);
      await control.delay();
      throw scripted.fault;
    }
    return work(control);
  });
}

function startSnapshot(context: SessionContext, quiesced: boolean): Moref {
  const vm = targetVm(context);
  const { site, parameters } = context;
  const name = textOf(parameters, 'name');
  if (name === '') throw new SimFault('InvalidName', 'The name is not valid.', { name, entity: vm.ref });
  if (flagOf(parameters, 'memory') && quiesced) throw invalidArgument('quiesce');
  if (vm.facts.template) throw new SimFault('NotSupported', 'The operation is not supported on the object.');
  const work = async (control: TaskControl): Promise<Moref> => {
    await control.delay();
    control.progress(60);
    checkDevices(vm);
    const ref = new Moref('VirtualMachineSnapshot', site.inventory.newId('snapshot'));
    const reached = quiesced && vm.powerState === 'poweredOn' && vm.toolsRunning;
    const facts = {
      ref,
      number: site.counters.snapshotsCreated + 1,
      name,
      description: textOf(parameters, 'description'),
      quiesced: reached,
    };
    const snapshot = await createSnapshot(vm, facts);
    site.inventory.add(snapshot);
    site.snapshotMade();
    return ref;
  };
  return startTask(context, vm, work, { cancelable: true });
}

/** What makes a machine as a whole unfit for a snapshot. @throws SimFault of the snapshot family */
function checkDevices(vm: SimVm): void {
  if (vm.snapshotCount >= MAX_SNAPSHOTS)
    throw new SimFault('TooManySnapshotLevels', 'There are too many levels of redo logs.');
  const shared = vm.disks.find((disk) => isSnapshotable(disk) && disk.sharing === 'sharingMultiWriter');
  if (shared !== undefined || vm.facts.scsiSharedBus !== 'noSharing') {
    const name = shared === undefined ? 'SCSI controller 0' : `Hard disk ${String(shared.key - 1999)}`;
    throw new SimFault('SnapshotIncompatibleDeviceInVm', 'A snapshot operation cannot be performed.', {
      fault: {
        $type: 'LocalizedMethodFault',
        fault: { $type: 'NotSupported' },
        localizedMessage: `${name} is shared`,
      },
    });
  }
}

function removeSnapshots(context: SessionContext, vm: SimVm, take: () => SimSnapshot[]): Moref {
  const { site, parameters } = context;
  const merge = parameters['consolidate'] !== false;
  const detach = (): void => {
    for (const gone of take()) site.inventory.remove(gone.ref);
  };
  const work = async (control: TaskControl): Promise<undefined> => {
    detach();
    vm.consolidationNeeded = !merge;
    await control.delay();
    if (merge) await consolidate(vm, (share) => control.progress(share * 99));
  };
  const faultLate = (orphan: boolean): void => {
    if (!orphan) return;
    detach();
    vm.consolidationNeeded = true;
  };
  return startTask(context, vm, work, { faultLate });
}

function removeSnapshot(context: SessionContext): Moref {
  const { target, parameters } = context;
  if (!(target instanceof SimSnapshot)) throw objectGone(target.ref);
  return removeSnapshots(context, target.vm, () =>
    detachSnapshot(target, flagOf(parameters, 'removeChildren')),
  );
}

function removeAllSnapshots(context: SessionContext): Moref {
  const vm = targetVm(context);
  return removeSnapshots(context, vm, () =>
    [...vm.rootSnapshots].flatMap((root) => detachSnapshot(root, true)),
  );
}

function consolidateDisks(context: SessionContext): Moref {
  const vm = targetVm(context);
  return startTask(context, vm, async (control) => {
    await control.delay();
    await consolidate(vm, (share) => control.progress(share * 99));
    return undefined;
  });
}

function reconfigure(context: SessionContext): Moref {
  const vm = targetVm(context);
  const spec = dataOf(context.parameters, 'spec') ?? { $type: 'VirtualMachineConfigSpec' };
  const version = textOf(spec, 'changeVersion');
  if (version !== '' && version !== vm.changeVersion)
    throw new SimFault('ConcurrentAccess', 'The object was changed by another client.');
  const unknown = Object.keys(spec).find(
    (field) => !['$type', 'changeVersion', 'changeTrackingEnabled'].includes(field),
  );
  if (unknown !== undefined) throw new SimFault('NotSupported', `The simulator cannot change "${unknown}"`);
  const wanted = spec['changeTrackingEnabled'];
  if (wanted === true && !vm.canTrack)
    throw new SimFault('NotSupported', 'Change tracking is not supported by this hardware version.');
  if (wanted === true && context.site.config.refuseCbtWithSnapshots === true && vm.rootSnapshots.length > 0) {
    throw new SimFault('InvalidState', 'Change tracking cannot be enabled while snapshots exist.');
  }
  return startTask(context, vm, async (control) => {
    await control.delay();
    if (typeof wanted === 'boolean') setTracking(vm, wanted);
    vm.configChanged();
    return undefined;
  });
}

function setTracking(vm: SimVm, wanted: boolean): void {
  if (vm.trackingWanted && !wanted) vm.dropTracking = true;
  vm.trackingWanted = wanted;
}

function power(context: SessionContext, to: 'poweredOn' | 'poweredOff'): Moref {
  const vm = targetVm(context);
  if (vm.facts.template && to === 'poweredOn')
    throw new SimFault('NotSupported', 'A template cannot be powered on.');
  if (vm.powerState === to) throw invalidPowerState(vm.powerState);
  return startTask(context, vm, async (control) => {
    await control.delay();
    vm.powerState = to;
    vm.stun();
    return undefined;
  });
}

function cancelTask({ target }: SessionContext): undefined {
  if (!(target instanceof SimTask)) throw invalidRequest('Not a task');
  if (target.spec.cancelable !== true) throw new SimFault('NotSupported', 'The task cannot be canceled.');
  if (target.completeTime !== undefined) throw new SimFault('InvalidState', 'The task is complete.');
  target.cancel.abort();
}

/** Windows guests understand only the Windows kind of quiesce spec, which asks for VSS. */
function quiesceWanted(parameters: Data): boolean {
  return dataOf(parameters, 'quiesceSpec') !== undefined;
}

export const vmMethods: Methods = {
  CreateSnapshot_Task: (context) => startSnapshot(context, flagOf(context.parameters, 'quiesce')),
  CreateSnapshotEx_Task: (context) => startSnapshot(context, quiesceWanted(context.parameters)),
  RemoveSnapshot_Task: removeSnapshot,
  RemoveAllSnapshots_Task: removeAllSnapshots,
  ConsolidateVMDisks_Task: consolidateDisks,
  ReconfigVM_Task: reconfigure,
  PowerOnVM_Task: (context) => power(context, 'poweredOn'),
  PowerOffVM_Task: (context) => power(context, 'poweredOff'),
  CancelTask: cancelTask,
};
