import { assert } from 'chai';
import { faultOf, returnval, TestSim, tinySite } from './raw-client.ts';

const PC = 'PropertyCollector:propertyCollector';

describe('RetrievePropertiesEx of the simulated vCenter', () => {
  let sim: TestSim;
  before(async () => {
    const many = Array.from({ length: 5 }, (_, index) => ({
      name: `m${String(index)}`,
      folder: 'x/y/z',
      disks: [],
    }));
    sim = await TestSim.start({ ...tinySite(), vms: [...tinySite().vms, ...many] });
    await sim.login();
  });
  after(() => sim.stop());

  const recursive =
    '<propSet><type>VirtualMachine</type><pathSet>name</pathSet></propSet><objectSet><obj type="Folder">group-d1</obj><skip>false</skip>' +
    '<selectSet xsi:type="TraversalSpec"><name>folders</name><type>Folder</type><path>childEntity</path><selectSet><name>folders</name></selectSet><selectSet><name>dc</name></selectSet></selectSet>' +
    '<selectSet xsi:type="TraversalSpec"><name>dc</name><type>Datacenter</type><path>vmFolder</path><selectSet><name>folders</name></selectSet></selectSet></objectSet>';

  it('follows named selections through nested folders', async () => {
    const answer = await sim.retrieve(recursive);
    assert.equal(answer.body.match(/<objects>/g)?.length, 7);
    assert.include(answer.body, '<val xsi:type="xsd:string">m4</val>');
  });

  it('pages by maxObjects with a token until all are given', async () => {
    const names: string[] = [];
    let answer = await sim.retrieve(recursive, '<maxObjects>3</maxObjects>');
    for (;;) {
      names.push(...[...answer.body.matchAll(/xsd:string">([^<]+)/g)].map((found) => found[1]!));
      const token = /<token>([^<]+)/.exec(answer.body)?.[1];
      if (token === undefined) break;
      answer = await sim.call('ContinueRetrievePropertiesEx', PC, `<token>${token}</token>`);
    }
    assert.sameMembers(names, ['vm1', 'vm2', 'm0', 'm1', 'm2', 'm3', 'm4']);
  });

  it('forgets a token that was cancelled', async () => {
    const token = /<token>([^<]+)/.exec(
      (await sim.retrieve(recursive, '<maxObjects>3</maxObjects>')).body,
    )![1]!;
    assert.equal((await sim.call('CancelRetrievePropertiesEx', PC, `<token>${token}</token>`)).status, 200);
    assert.equal(
      faultOf(await sim.call('ContinueRetrievePropertiesEx', PC, `<token>${token}</token>`)),
      'InvalidArgument',
    );
  });

  const bad: [string, string, string][] = [
    [
      'a property that the type has not',
      '<propSet><type>Folder</type><pathSet>config</pathSet></propSet><objectSet><obj type="Folder">group-d1</obj></objectSet>',
      'InvalidProperty',
    ],
    [
      'a field that is not in the data object',
      '<propSet><type>VirtualMachine</type><pathSet>config.nothing</pathSet></propSet><objectSet><obj type="Folder">group-d1</obj></objectSet>',
      'InvalidProperty',
    ],
    [
      'an unknown managed type',
      '<propSet><type>Virtual</type></propSet><objectSet><obj type="Folder">group-d1</obj></objectSet>',
      'InvalidArgument',
    ],
    [
      'an object that is not there',
      '<propSet><type>Folder</type></propSet><objectSet><obj type="Folder">group-x</obj></objectSet>',
      'ManagedObjectNotFound',
    ],
    [
      'a selection name without a traversal',
      '<propSet><type>Folder</type></propSet><objectSet><obj type="Folder">group-d1</obj><selectSet><name>no</name></selectSet></objectSet>',
      'InvalidArgument',
    ],
  ];
  for (const [what, spec, fault] of bad) {
    it(`refuses ${what} with ${fault}`, async () => assert.equal(faultOf(await sim.retrieve(spec)), fault));
  }

  it('leaves unset properties out and types what it gives', async () => {
    const vm = await sim.moref('vm1');
    const [type, id] = vm.split(':') as [string, string];
    const answer = await sim.retrieve(
      `<propSet><type>${type}</type><pathSet>snapshot</pathSet><pathSet>config.hardware.device</pathSet><pathSet>runtime.powerState</pathSet></propSet><objectSet><obj type="${type}">${id}</obj></objectSet>`,
    );
    assert.notInclude(answer.body, '<name>snapshot</name>');
    assert.include(
      answer.body,
      '<val xsi:type="ArrayOfVirtualDevice"><VirtualDevice xsi:type="VirtualIDEController">',
    );
    assert.include(
      answer.body,
      '<backing xsi:type="VirtualDiskFlatVer2BackingInfo"><fileName>[ds1] vm1/vm1.vmdk</fileName>',
    );
    assert.include(answer.body, '<val xsi:type="VirtualMachinePowerState">poweredOn</val>');
  });

  it('finds machines by inventory path and by uuid', async () => {
    const id = (await sim.moref('vm1')).split(':')[1];
    const byPath = await sim.call(
      'FindByInventoryPath',
      'SearchIndex:SearchIndex',
      '<inventoryPath>DC0/vm/a/b/vm1</inventoryPath>',
    );
    assert.equal(returnval(byPath), id);
    const uuid = await sim.property(`VirtualMachine:${id!}`, 'config.uuid');
    const byUuid = await sim.call(
      'FindByUuid',
      'SearchIndex:SearchIndex',
      `<uuid>${uuid!}</uuid><vmSearch>true</vmSearch>`,
    );
    assert.equal(returnval(byUuid), id);
    assert.isUndefined(
      returnval(
        await sim.call(
          'FindByInventoryPath',
          'SearchIndex:SearchIndex',
          '<inventoryPath>DC0/vm/none</inventoryPath>',
        ),
      ),
    );
  });
});

describe('WaitForUpdatesEx of the simulated vCenter', () => {
  let sim: TestSim;
  beforeEach(async () => {
    sim = await TestSim.start();
    await sim.login();
  });
  afterEach(() => sim.stop());

  async function filterOn(path: string): Promise<string> {
    const [type, id] = (await sim.moref('vm1')).split(':') as [string, string];
    const spec = `<spec><propSet><type>${type}</type><pathSet>${path}</pathSet></propSet><objectSet><obj type="${type}">${id}</obj></objectSet></spec><partialUpdates>false</partialUpdates>`;
    return returnval(await sim.call('CreateFilter', PC, spec))!;
  }
  const wait = (version: string, seconds: number): ReturnType<TestSim['call']> =>
    sim.call(
      'WaitForUpdatesEx',
      PC,
      `<version>${version}</version><options><maxWaitSeconds>${seconds}</maxWaitSeconds></options>`,
    );
  const versionOf = (body: string): string => /<version>([^<]+)/.exec(body)![1]!;

  it('tells everything first, then blocks until something changes', async () => {
    await filterOn('runtime.powerState');
    const first = await wait('', 0);
    assert.include(first.body, '<kind>enter</kind>');
    const pending = wait(versionOf(first.body), 20);
    await sim.control('setVm', { vm: 'vm1', powerState: 'poweredOff' });
    const second = (await pending).body;
    assert.include(second, '<kind>modify</kind>');
    assert.include(
      second,
      '<name>runtime.powerState</name><op>assign</op><val xsi:type="VirtualMachinePowerState">poweredOff</val>',
    );
  });

  it('answers with nothing when the time is up', async () => {
    await filterOn('name');
    const version = versionOf((await wait('', 0)).body);
    const answer = await wait(version, 0);
    assert.equal(answer.status, 200);
    assert.notInclude(answer.body, 'returnval');
  });

  it('gives the last change again to a client that missed the answer, and refuses older versions', async () => {
    await filterOn('runtime.powerState');
    const one = versionOf((await wait('', 0)).body);
    await sim.control('setVm', { vm: 'vm1', powerState: 'poweredOff' });
    await wait(one, 0);
    const again = await wait(one, 0);
    assert.include(again.body, 'poweredOff');
    assert.equal(faultOf(await wait('77', 0)), 'InvalidCollectorVersion');
  });

  it('tells that a destroyed machine left', async () => {
    await filterOn('name');
    const version = versionOf((await wait('', 0)).body);
    await sim.control('destroyVm', { vm: 'vm1' });
    assert.include((await wait(version, 5)).body, '<kind>leave</kind>');
  });

  it('ends a wait with RequestCanceled on CancelWaitForUpdates', async () => {
    await filterOn('name');
    const version = versionOf((await wait('', 0)).body);
    const pending = wait(version, 30);
    while ((await sim.control('calls', { filter: { method: 'WaitForUpdatesEx' } })).length < 2)
      await Promise.resolve();
    await sim.call('CancelWaitForUpdates', PC);
    assert.equal(faultOf(await pending), 'RequestCanceled');
  });

  it('destroys a filter', async () => {
    const filter = await filterOn('name');
    assert.equal((await sim.call('DestroyPropertyFilter', `PropertyFilter:${filter}`)).status, 200);
    assert.notInclude((await wait('', 0)).body, 'returnval');
  });
});
