import { assert } from 'chai';
import { listVms } from '../../../shared/vsphere/inventory.ts';
import { VsphereSession } from '../../../shared/vsphere/session.ts';
import { answer, SoapMock } from '../../support/soap-mock.ts';
import { rejectsCode } from './throws-code.ts';

const signal = new AbortController().signal;

const object = (type: string, value: string, props: Readonly<Record<string, string>>): string => {
  const sets = Object.entries(props).map(([name, val]) => `<propSet><name>${name}</name>${val}</propSet>`);
  return `<objects><obj type="${type}">${value}</obj>${sets.join('')}</objects>`;
};
const text = (value: string): string => `<val xsi:type="xsd:string">${value}</val>`;
const ref = (type: string, value: string): string =>
  `<val type="${type}" xsi:type="ManagedObjectReference">${value}</val>`;

const tree =
  object('Datacenter', 'dc', { name: text('DC0'), parent: ref('Folder', 'group-d1') }) +
  object('Folder', 'f', { name: text('vm'), parent: ref('Datacenter', 'dc') });

let mock: SoapMock;
beforeEach(async () => (mock = await SoapMock.start()));
afterEach(() => mock[Symbol.asyncDispose]());

/** The inventory that a server with these pages gives. */
async function listOf(pages: readonly string[], apps = ''): Promise<Awaited<ReturnType<typeof listVms>>> {
  mock.script = (call, count) => {
    if (call.method === 'CreateContainerView')
      return answer(call.method, '<returnval type="ContainerView">v</returnval>');
    if (call.method === 'RetrievePropertiesEx' && call.body.includes('VirtualApp')) {
      return answer(call.method, `<returnval>${apps}</returnval>`);
    }
    const isMore = call.method === 'ContinueRetrievePropertiesEx';
    if (!isMore && call.method !== 'RetrievePropertiesEx') return undefined;
    const page = isMore ? count : 0;
    const token = page + 1 < pages.length ? `<token>t${page}</token>` : '';
    return answer(call.method, `<returnval>${token}${pages[page] ?? ''}</returnval>`);
  };
  await using session = await VsphereSession.connect(mock.options(), signal);
  return await listVms(session, signal);
}

describe('listVms', () => {
  it('lists a VM without configuration with what is known', async () => {
    const lost = object('VirtualMachine', 'vm-1', { 'runtime.connectionState': text('inaccessible') });
    const [vm] = await listOf([tree + lost]);
    assert.deepInclude(vm, {
      moref: 'vm-1',
      name: 'vm-1',
      connectionState: 'inaccessible',
      instanceUuid: '',
      host: null,
    });
    assert.isEmpty(vm!.disks);
  });
  it('keeps blanks at the ends of names and shows escaped slashes', async () => {
    const odd = object('VirtualMachine', 'vm-1', { name: text('  a%2fb '), parent: ref('Folder', 'f') });
    const [vm] = await listOf([tree + odd]);
    assert.deepInclude(vm, { name: '  a/b ', inventoryPath: '/DC0/vm/  a%2fb ' });
  });
  it('joins pages, also when the tree comes after its VMs', async () => {
    const vm = object('VirtualMachine', 'vm-1', { name: text('a'), parent: ref('Folder', 'f') });
    const vms = await listOf([vm, tree, vm.replace('vm-1', 'vm-2')]);
    assert.deepEqual(
      vms.map((found) => found.inventoryPath),
      ['/DC0/vm/a', '/DC0/vm/a'],
    );
  });
  it('finds the path of a VM in nested vApps', async () => {
    const vm = object('VirtualMachine', 'vm-1', { name: text('a'), parentVApp: ref('VirtualApp', 'va-2') });
    const apps =
      object('VirtualApp', 'va-2', { name: text('inner'), parent: ref('VirtualApp', 'va-1') }) +
      object('VirtualApp', 'va-1', {
        name: text('outer'),
        parent: ref('ResourcePool', 'r'),
        parentFolder: ref('Folder', 'f'),
      });
    const [found] = await listOf([tree + vm], apps);
    assert.equal(found!.inventoryPath, '/DC0/vm/outer/inner/a');
  });
  it('ends at a tree that is a circle', async () => {
    const circle =
      object('Folder', 'x', { name: text('x'), parent: ref('Folder', 'y') }) +
      object('Folder', 'y', { name: text('y'), parent: ref('Folder', 'x') });
    const vm = object('VirtualMachine', 'vm-1', { name: text('a'), parent: ref('Folder', 'x') });
    assert.lengthOf(await listOf([circle + vm]), 1);
  });
  it('lists nothing of an empty server', async () => assert.isEmpty(await listOf([''])));
  it('refuses an object that is none', async () => {
    await rejectsCode('VSPHERE_ANSWER_INVALID', listOf(['<objects><obj>x</obj></objects>']));
  });
});
