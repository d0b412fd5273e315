import { assert } from 'chai';
import { type FaultRule } from '../../support/vcenter-sim/fault-rules.ts';
import { faultOf, TestSim } from './raw-client.ts';

describe('scripted faults of the simulated vCenter', () => {
  let sim: TestSim;
  before(async () => {
    sim = await TestSim.start();
    await sim.login();
  });
  afterEach(() => sim.control('clearFaults', {}));
  after(() => sim.stop());
  const clock = (): ReturnType<TestSim['call']> => sim.call('CurrentTime', 'ServiceInstance:ServiceInstance');
  const script = async (rule: FaultRule): Promise<number> => (await sim.control('fault', { rule })).id;

  it('hits by method, as often as told, after letting some pass, and counts it', async () => {
    const id = await script({ method: 'CurrentTime', fault: 'HostCommunication', count: 2, skip: 1 });
    const seen: string[] = [];
    for (let index = 0; index < 5; index++) seen.push(faultOf(await clock()));
    assert.deepEqual(seen, ['', 'HostCommunication', 'HostCommunication', '', '']);
    assert.deepInclude(await sim.control('faults', {}), {
      id,
      rule: { method: 'CurrentTime', fault: 'HostCommunication', count: 2, skip: 1 },
      hits: 2,
    });
  });

  it('hits only the machine that it names, also through its snapshots', async () => {
    await script({ method: '*', object: 'vm1', fault: 'FileLocked', count: 9 });
    const snapshot = await sim.snapshot('vm2');
    assert.equal(faultOf(await sim.call('PowerOffVM_Task', await sim.moref('vm1'))), 'FileLocked');
    assert.equal((await sim.removeSnapshot(snapshot)).state, 'success');
  });

  it('lets a task end in a quiesce fault', async () => {
    await script({ method: 'CreateSnapshot_Task', fault: 'ApplicationQuiesceFault', at: 'task' });
    const ended = await sim.task(
      'CreateSnapshot_Task',
      await sim.moref('vm1'),
      '<name>x</name><memory>false</memory><quiesce>true</quiesce>',
    );
    assert.equal(ended.error, 'ApplicationQuiesceFault');
    assert.isUndefined(await sim.property(await sim.moref('vm1'), 'snapshot'));
  });

  it('refuses to script a fault type that does not exist', async () => {
    const error = await script({ method: 'x', fault: 'NoSuchFault' }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert.match(String(error), /NoSuchFault/);
  });

  const spoiled: [FaultRule['action'] & string, number, (body: string) => boolean][] = [
    ['http503-html', 503, (body) => body.startsWith('<html>')],
    ['empty200', 200, (body) => body === ''],
    ['cut-xml', 200, (body) => body.includes('Envelope') && !body.includes('</soapenv:Envelope>')],
    ['malformed-xml', 200, (body) => body.includes('</soapenv:Bdoy>')],
    ['dtd', 200, (body) => body.includes('<!DOCTYPE')],
  ];
  for (const [action, status, looks] of spoiled) {
    it(`spoils the answer by ${action}`, async () => {
      await script({ method: 'CurrentTime', action });
      const answer = await clock();
      assert.equal(answer.status, status);
      assert.isTrue(looks(answer.body), answer.body);
    });
  }

  for (const [action, done] of [
    ['drop', false],
    ['drop-after', true],
  ] as const) {
    it(`drops the connection by ${action}, ${done ? 'after' : 'without'} carrying the call out`, async () => {
      await script({ method: 'PowerOffVM_Task', action });
      const error = await sim.call('PowerOffVM_Task', await sim.moref('vm2')).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      assert.instanceOf(error, Error);
      await sim.control('idle', {});
      assert.equal(
        (await sim.control('vmState', { vm: 'vm2' })).powerState,
        done ? 'poweredOff' : 'poweredOn',
      );
    });
  }

  it('delays a call', async () => {
    await script({ method: 'CurrentTime', action: 'delay', delayMs: 50 });
    const started = performance.now();
    assert.equal((await clock()).status, 200);
    assert.isAtLeast(performance.now() - started, 49);
  });
});
