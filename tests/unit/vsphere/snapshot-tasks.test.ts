import { assert } from 'chai';
import { type Clock, systemClock } from '../../../shared/base/clock.ts';
import { AppError } from '../../../shared/base/errors.ts';
import { VsphereSession } from '../../../shared/vsphere/session.ts';
import { waitForSnapshotTasks } from '../../../shared/vsphere/snapshot-tasks.ts';
import { answer, fault, SoapMock, type MockAnswer } from '../../support/soap-mock.ts';
import { rejectsCode } from './throws-code.ts';

const quick: Clock = { ...systemClock, sleep: (_ms, stop) => systemClock.sleep(1, stop) };

interface Task {
  /** Null: the server names it and has forgotten it. */
  readonly kind: string | null;
  /** What the task is like when it is looked at, the last one from then on. */
  readonly states: readonly string[];
}

describe('waitForSnapshotTasks', () => {
  let mock: SoapMock;
  let session: VsphereSession;
  let stop: AbortController;
  let looks: Map<string, number>;
  beforeEach(async () => {
    mock = await SoapMock.start();
    stop = new AbortController();
    session = await VsphereSession.connect(mock.options({ clock: quick }), stop.signal);
    looks = new Map();
  });
  afterEach(async () => {
    await session[Symbol.asyncDispose]();
    await mock[Symbol.asyncDispose]();
  });

  const property = (type: string, id: string, name: string, value: string): string =>
    `<obj type="${type}">${id}</obj><propSet><name>${name}</name>${value}</propSet>`;

  const infoOf = (id: string, kind: string, state: string): string =>
    `<val xsi:type="TaskInfo"><key>${id}</key><task type="Task">${id}</task><descriptionId>${kind}</descriptionId>` +
    `<name>${kind}</name><state>${state}</state></val>`;

  function nextState(id: string, { states }: Task): string {
    const look = looks.get(id) ?? 0;
    looks.set(id, look + 1);
    return states[Math.min(look, states.length - 1)] ?? 'success';
  }

  /** A server whose VM has these tasks; `waiting` answers the watch of one. */
  function serve(tasks: Readonly<Record<string, Task>>, waiting: (id: string) => MockAnswer | 'hang'): void {
    let watched = '';
    mock.script = ({ method, body }) => {
      const id = /type="Task">([^<]+)</.exec(body)?.[1] ?? '';
      switch (method) {
        case 'CreatePropertyCollector':
          return answer(method, '<returnval type="PropertyCollector">pc-1</returnval>');
        case 'CreateFilter':
          watched = id;
          return undefined;
        case 'WaitForUpdatesEx':
          return waiting(watched);
        case 'RetrievePropertiesEx':
          return read(method, tasks, id);
        default:
          return undefined;
      }
    };
  }

  function read(method: string, tasks: Readonly<Record<string, Task>>, id: string): MockAnswer {
    const task = tasks[id];
    if (task?.kind === null) return fault('ManagedObjectNotFound');
    const refs = Object.keys(tasks).map(
      (key) => `<ManagedObjectReference type="Task">${key}</ManagedObjectReference>`,
    );
    const objects =
      task === undefined
        ? property(
            'VirtualMachine',
            'vm-1',
            'recentTask',
            `<val xsi:type="ArrayOfManagedObjectReference">${refs.join('')}</val>`,
          )
        : property('Task', id, 'info', infoOf(id, task.kind, nextState(id, task)));
    return answer(method, `<returnval><objects>${objects}</objects></returnval>`);
  }

  const ended = (id: string, state = 'success', more = ''): MockAnswer => {
    const val = infoOf(id, 'VirtualMachine.createSnapshot', state).replace('</val>', `${more}</val>`);
    const change = `<changeSet><name>info</name><op>assign</op>${val}</changeSet>`;
    const object = `<objectSet><kind>modify</kind><obj type="Task">${id}</obj>${change}</objectSet>`;
    const set = `<filterSet><filter type="PropertyFilter">f</filter>${object}</filterSet>`;
    return answer('WaitForUpdatesEx', `<returnval><version>1</version>${set}</returnval>`);
  };

  const look = (): Promise<boolean> => waitForSnapshotTasks(session, 'vm-1', stop.signal);

  it('is done at once when nothing of it is under way', async () => {
    serve(
      {
        'task-1': { kind: 'VirtualMachine.createSnapshot', states: ['success'] },
        'task-2': { kind: 'VirtualMachine.removeAllSnapshots', states: ['error'] },
        'task-3': { kind: 'VirtualMachine.powerOn', states: ['running'] },
      },
      () => 'hang',
    );
    assert.isFalse(await look());
    assert.equal(mock.count('WaitForUpdatesEx'), 0);
  });

  for (const kind of [
    'VirtualMachine.createSnapshot',
    'vm.Snapshot.remove',
    'VirtualMachine.consolidateDisks',
    'CreateSnapshotEx_Task',
  ]) {
    it(`waits for the end of "${kind}"`, async () => {
      serve({ 'task-1': { kind, states: ['queued'] } }, ended);
      assert.isTrue(await look());
      assert.equal(mock.count('WaitForUpdatesEx'), 1);
    });
  }

  it('waits for one task after the other', async () => {
    const task = { kind: 'VirtualMachine.removeSnapshot', states: ['running'] };
    serve({ 'task-1': task, 'task-2': task }, ended);
    assert.isTrue(await look());
    assert.equal(mock.count('WaitForUpdatesEx'), 2);
  });

  it('does not care how a task ends', async () => {
    const why = '<error><fault xsi:type="TaskInProgress"/><localizedMessage>Busy.</localizedMessage></error>';
    serve({ 'task-1': { kind: 'VirtualMachine.createSnapshot', states: ['running', 'error'] } }, (id) =>
      ended(id, 'error', why),
    );
    assert.isTrue(await look());
  });

  it('leaves out tasks that the server has forgotten', async () => {
    serve({ 'task-1': { kind: null, states: [] } }, () => 'hang');
    assert.isFalse(await look());
  });

  it('fails when the wait fails and the task goes on', async () => {
    serve({ 'task-1': { kind: 'VirtualMachine.createSnapshot', states: ['running'] } }, () =>
      fault('NoPermission'),
    );
    await rejectsCode('AUTH_NO_PERMISSION', look());
  });

  it('fails when the tasks cannot be read', async () => {
    mock.script = ({ method }) => (method === 'RetrievePropertiesEx' ? fault('NoPermission') : undefined);
    await rejectsCode('AUTH_NO_PERMISSION', look());
  });

  it('says that the VM is gone', async () => {
    mock.script = ({ method }) =>
      method === 'RetrievePropertiesEx' ? fault('ManagedObjectNotFound') : undefined;
    await rejectsCode('VSPHERE_OBJECT_GONE', look());
  });

  it('ends with the reason of its signal', async () => {
    serve({ 'task-1': { kind: 'VirtualMachine.createSnapshot', states: ['running'] } }, () => {
      stop.abort(new AppError('SERVICE_STOPPING', 'The service stops'));
      return 'hang';
    });
    await rejectsCode('SERVICE_STOPPING', look());
  });
});
