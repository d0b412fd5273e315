import { assert } from 'chai';
import { type Clock, systemClock } from '../../../shared/base/clock.ts';
import { moref } from '../../../shared/vsphere/moref.ts';
import { VsphereSession } from '../../../shared/vsphere/session.ts';
import { waitForTask } from '../../../shared/vsphere/task-waiter.ts';
import { answer, fault, SoapMock, type MockAnswer } from '../../support/soap-mock.ts';
import { rejectsCode } from './throws-code.ts';

const signal = new AbortController().signal;
const task = moref('Task', 'task-1');
const quick: Clock = { ...systemClock, sleep: (_ms, stop) => systemClock.sleep(1, stop) };

let mock: SoapMock;
let session: VsphereSession;
beforeEach(async () => {
  mock = await SoapMock.start();
  session = await VsphereSession.connect(mock.options({ clock: quick }), signal);
});
afterEach(async () => {
  await session[Symbol.asyncDispose]();
  await mock[Symbol.asyncDispose]();
});

const info = (state: string, more = ''): string =>
  `<key>task-1</key><task type="Task">task-1</task><state>${state}</state>${more}`;

function update(changes: string, kind = 'modify'): MockAnswer {
  const object = `<objectSet><kind>${kind}</kind><obj type="Task">task-1</obj>${changes}</objectSet>`;
  const set = `<filterSet><filter type="PropertyFilter">f</filter>${object}</filterSet>`;
  return answer('WaitForUpdatesEx', `<returnval><version>1</version>${set}</returnval>`);
}

const whole = (state: string, more = ''): MockAnswer =>
  update(
    `<changeSet><name>info</name><op>assign</op><val xsi:type="TaskInfo">${info(state, more)}</val></changeSet>`,
  );

/** Answers the waits with these, the last one again and again. */
function script(...waits: readonly (MockAnswer | 'drop' | 'hang')[]): void {
  mock.script = (call, count) => {
    if (call.method === 'CreatePropertyCollector') {
      return answer(call.method, '<returnval type="PropertyCollector">pc-1</returnval>');
    }
    if (call.method === 'RetrievePropertiesEx') {
      const val = `<val xsi:type="TaskInfo">${info('success', '<result xsi:type="xsd:string">whole</result>')}</val>`;
      const object = `<objects><obj type="Task">task-1</obj><propSet><name>info</name>${val}</propSet></objects>`;
      return answer(call.method, `<returnval>${object}</returnval>`);
    }
    return call.method === 'WaitForUpdatesEx' ? waits[Math.min(count, waits.length) - 1] : undefined;
  };
}

const wait = (changes: object = {}): Promise<unknown> =>
  waitForTask(session, task, { signal, timeoutMs: 5_000, what: 'do it', ...changes });

describe('waitForTask', () => {
  const result =
    '<result type="VirtualMachineSnapshot" xsi:type="ManagedObjectReference">snapshot-9</result>';

  it('gives the result when the task has ended', async () => {
    script(whole('queued'), whole('running'), whole('success', result));
    assert.deepEqual(await wait(), moref('VirtualMachineSnapshot', 'snapshot-9'));
    assert.equal(mock.count('DestroyPropertyCollector'), 1);
  });
  it('goes on after answers without news', async () => {
    script(answer('WaitForUpdatesEx'), answer('WaitForUpdatesEx'), whole('success'));
    await wait();
    assert.equal(mock.count('WaitForUpdatesEx'), 3);
  });
  it('reads the whole when a part of the state comes', async () => {
    script(
      update(
        '<changeSet><name>info.state</name><op>assign</op><val xsi:type="TaskInfoState">success</val></changeSet>',
      ),
    );
    assert.equal(await wait(), 'whole');
  });
  it('throws the fault of the task', async () => {
    const error =
      '<error><fault xsi:type="FileLocked"><file>[ds] a.vmdk</file></fault><localizedMessage>Locked.</localizedMessage></error>';
    script(whole('error', error));
    const thrown = await rejectsCode('VSPHERE_FILE_LOCKED', wait());
    assert.equal(thrown.message, 'Cannot do it: FileLocked: Locked');
  });
  it('watches anew after a broken connection, a page and a lost session', async () => {
    script('drop', { status: 503, body: '<html/>' }, fault('NotAuthenticated'), whole('success'));
    await wait();
    assert.equal(mock.count('CreateFilter'), 4);
  });
  it('does not watch anew for ever', async () => {
    script('drop');
    await rejectsCode('VSPHERE_UNREACHABLE', wait());
    assert.isBelow(mock.count('WaitForUpdatesEx'), 12);
  });
  it('says when the server forgot the task', async () => {
    script(update('', 'leave'));
    await rejectsCode('VSPHERE_OBJECT_GONE', wait());
  });
  it('gives up at its deadline and leaves the task alone', async () => {
    script('hang');
    await rejectsCode('VSPHERE_TIMEOUT', wait({ timeoutMs: 100 }));
    assert.equal(mock.count('CancelTask'), 0);
  });
  it('cancels the task where that is asked for', async () => {
    script('hang');
    const stop = new AbortController();
    const waiting = wait({ signal: stop.signal, cancelTask: true });
    while (mock.count('WaitForUpdatesEx') === 0) await systemClock.sleep(2);
    stop.abort();
    await rejectsCode('CANCELLED', waiting);
    assert.equal(mock.count('CancelTask'), 1);
  });
});
