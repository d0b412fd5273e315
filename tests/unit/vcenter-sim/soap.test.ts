import { assert } from 'chai';
import { faultOf, returnval, TestSim, tinySite, wrap, xsi } from './raw-client.ts';

const NS = 'xmlns="urn:vim25"';

describe('POST /sdk of the simulated vCenter', () => {
  let sim: TestSim;
  before(async () => {
    sim = await TestSim.start();
    await sim.login();
  });
  after(() => sim.stop());

  const self = '<_this type="PropertyCollector">propertyCollector</_this>';
  const spec =
    '<specSet><propSet><type>Folder</type><pathSet>name</pathSet></propSet><objectSet><obj type="Folder">group-d1</obj></objectSet></specSet>';

  const refused: [string, string, RegExp][] = [
    [
      'an unknown method',
      `<Frobnicate ${NS}>${self}</Frobnicate>`,
      /Unable to resolve WSDL method name "Frobnicate"/,
    ],
    [
      'another namespace',
      `<CurrentTime xmlns="vim25"><_this type="ServiceInstance">ServiceInstance</_this></CurrentTime>`,
      /Unexpected namespace "vim25"/,
    ],
    [
      'an undeclared element',
      `<CurrentTime ${NS}><_this type="ServiceInstance">ServiceInstance</_this><x/></CurrentTime>`,
      /Unexpected element tag "x" seen/,
    ],
    [
      'a missing required element',
      `<RetrievePropertiesEx ${NS}>${self}${spec}</RetrievePropertiesEx>`,
      /Required property options is missing/,
    ],
    [
      'elements in the wrong order',
      `<RetrievePropertiesEx ${NS}>${self}<options/>${spec}</RetrievePropertiesEx>`,
      /Unexpected element tag "options" seen/,
    ],
    [
      'fields of a data object in the wrong order',
      `<RetrievePropertiesEx ${NS}>${self}<specSet><objectSet><obj type="Folder">group-d1</obj></objectSet><propSet><type>Folder</type></propSet></specSet><options/></RetrievePropertiesEx>`,
      /Unexpected element tag "objectSet" seen/,
    ],
    [
      'xsi:nil',
      `<RetrievePropertiesEx ${NS}>${self}${spec}<options><maxObjects xsi:nil="true"/></options></RetrievePropertiesEx>`,
      /nil/,
    ],
    [
      'a number that is none',
      `<RetrievePropertiesEx ${NS}>${self}${spec}<options><maxObjects>ten</maxObjects></options></RetrievePropertiesEx>`,
      /not a valid int/,
    ],
    [
      'an int over 32 bits',
      `<RetrievePropertiesEx ${NS}>${self}${spec}<options><maxObjects>4294967296</maxObjects></options></RetrievePropertiesEx>`,
      /not a valid int/,
    ],
    [
      'an attribute that is not declared',
      `<CurrentTime ${NS} versionId="8"><_this type="ServiceInstance">ServiceInstance</_this></CurrentTime>`,
      /Unexpected attribute/,
    ],
    [
      'a reference without a type',
      `<CurrentTime ${NS}><_this>ServiceInstance</_this></CurrentTime>`,
      /Invalid managed object reference/,
    ],
    [
      'a method of another type',
      `<CurrentTime ${NS}><_this type="Folder">group-d1</_this></CurrentTime>`,
      /Unable to resolve WSDL method name/,
    ],
    ['two calls in one body', `<CurrentTime ${NS}/><CurrentTime ${NS}/>`, /Body with one element/],
  ];
  for (const [what, body, message] of refused) {
    it(`refuses ${what} with InvalidRequest`, async () => {
      const answer = await sim.post(wrap(body));
      assert.equal(answer.status, 500);
      assert.equal(faultOf(answer), 'InvalidRequest');
      assert.match(answer.body.replaceAll('&quot;', '"'), message);
    });
  }

  for (const [what, type] of [
    ['an unknown', 'NoSuchType'],
    ['an unrelated', 'VirtualDisk'],
    ['an unbound', 'foo:TraversalSpec'],
  ] as const) {
    it(`refuses ${what} xsi:type`, async () => {
      const inner = `<specSet><propSet><type>Folder</type></propSet><objectSet><obj type="Folder">group-d1</obj><selectSet xsi:type="${type}"/></objectSet></specSet><options/>`;
      const answer = await sim.call('RetrievePropertiesEx', 'PropertyCollector:propertyCollector', inner);
      assert.equal(faultOf(answer), 'InvalidType');
    });
  }

  for (const [what, text] of [
    ['malformed XML', '<a><b></a>'],
    ['a document type', `<!DOCTYPE x [<!ENTITY e "x">]>${wrap('<x/>')}`],
    ['an unknown entity', wrap('<x>&e;</x>')],
    ['an empty body', ''],
    ['nothing but an envelope', wrap('')],
  ] as const) {
    it(`answers ${what} with a SOAP fault`, async () => {
      const answer = await sim.post(text);
      assert.equal(answer.status, 500);
      assert.include(answer.body, '<faultcode>ServerFaultCode</faultcode>');
    });
  }

  it('refuses an API version that it does not have', async () => {
    const answer = await sim.post(
      wrap(`<CurrentTime ${NS}><_this type="ServiceInstance">ServiceInstance</_this></CurrentTime>`),
      { SOAPAction: 'urn:vim25/99.0' },
    );
    assert.match(answer.body, /Unsupported version URI/);
  });

  it('takes any prefix and single quotes', async () => {
    const body = `<v:CurrentTime xmlns:v='urn:vim25'><v:_this type='ServiceInstance'>ServiceInstance</v:_this></v:CurrentTime>`;
    assert.equal((await sim.post(wrap(body))).status, 200);
  });

  it('writes another prefix for xsi when asked to', async () => {
    const odd = await TestSim.start(tinySite({ xsiPrefix: 'XMLSchema-instance' }));
    await odd.login();
    const answer = await odd.retrieve(
      '<propSet><type>Folder</type><pathSet>name</pathSet></propSet><objectSet><obj type="Folder">group-d1</obj></objectSet>',
    );
    assert.include(answer.body, '<val XMLSchema-instance:type="xsd:string">Datacenters</val>');
    await odd.stop();
  });
});

describe('sessions of the simulated vCenter', () => {
  let sim: TestSim;
  beforeEach(async () => {
    sim = await TestSim.start();
  });
  afterEach(() => sim.stop());
  const now = (): ReturnType<TestSim['call']> => sim.call('CurrentTime', 'ServiceInstance:ServiceInstance');

  it('gives the service content to anybody', async () => {
    const answer = await sim.call('RetrieveServiceContent', 'ServiceInstance:ServiceInstance');
    assert.equal(answer.status, 200);
    assert.include(answer.body, '<rootFolder type="Folder">group-d1</rootFolder>');
  });

  it('answers NotAuthenticated, with object and privilege, without a session', async () => {
    const answer = await now();
    assert.equal(answer.status, 500);
    assert.include(
      answer.body,
      '<NotAuthenticatedFault xmlns="urn:vim25" xsi:type="NotAuthenticated"><object type="ServiceInstance">ServiceInstance</object><privilegeId>System.View</privilegeId>',
    );
  });

  it('refuses a wrong password with InvalidLogin', async () => {
    assert.equal(faultOf(await sim.login('wrong')), 'InvalidLogin');
    assert.equal(sim.cookie, '');
  });

  it('sets a secure cookie that opens the door until logout', async () => {
    const answer = await sim.login();
    assert.match(
      String(answer.headers['set-cookie']),
      /^vmware_soap_session="[0-9a-f]{40}"; Path=\/; HttpOnly; Secure/,
    );
    assert.equal((await now()).status, 200);
    await sim.call('Logout', 'SessionManager:SessionManager');
    assert.equal(faultOf(await now()), 'NotAuthenticated');
  });

  it('forgets a session that was idle too long', async () => {
    const short = await TestSim.start(tinySite({ sessionTimeoutMs: 20 }));
    await short.login();
    await new Promise((resolve) => setTimeout(resolve, 40));
    assert.equal(
      faultOf(await short.call('CurrentTime', 'ServiceInstance:ServiceInstance')),
      'NotAuthenticated',
    );
    await short.stop();
  });

  it('drops the views of a session with it', async () => {
    await sim.login();
    const view = returnval(
      await sim.call(
        'CreateContainerView',
        'ViewManager:ViewManager',
        '<container type="Folder">group-d1</container><recursive>true</recursive>',
      ),
    )!;
    assert.include(await sim.property(`ContainerView:${view}`, 'view'), 'VirtualMachine');
    await sim.control('expireSessions', {});
    sim.cookie = '';
    await sim.login();
    assert.equal(faultOf(await sim.call('DestroyView', `ContainerView:${view}`)), 'ManagedObjectNotFound');
  });

  it('keeps the password out of the call log', async () => {
    await sim.login();
    const calls = await sim.control('calls', { filter: { method: 'Login' } });
    assert.lengthOf(calls, 1);
    assert.notInclude(calls[0]!.body, sim.sim.ready.password);
    assert.include(calls[0]!.body, 'REDACTED');
  });

  it('answers HasPrivilegeOnEntities from the configuration', async () => {
    const strict = await TestSim.start(
      tinySite({ deniedPrivileges: ['VirtualMachine.State.CreateSnapshot'] }),
    );
    const key = /<key>([^<]+)/.exec((await strict.login()).body)![1]!;
    const inner = `<entity type="Folder">group-d1</entity><sessionId>${key}</sessionId><privId>System.Read</privId><privId>VirtualMachine.State.CreateSnapshot</privId>`;
    const answer = await strict.call(
      'HasPrivilegeOnEntities',
      'AuthorizationManager:AuthorizationManager',
      inner,
    );
    assert.deepEqual(
      [...answer.body.matchAll(/<isGranted>(\w+)/g)].map((found) => found[1]),
      ['true', 'false'],
    );
    const create = await strict.call(
      'CreateSnapshot_Task',
      await strict.moref('vm1'),
      '<name>x</name><memory>false</memory><quiesce>false</quiesce>',
    );
    assert.equal(faultOf(create), 'NoPermission');
    await strict.stop();
  });
});

describe('xsi:type of a request', () => {
  it('is resolved by the prefix in force', async () => {
    const sim = await TestSim.start();
    await sim.login();
    const body = `<v:RetrievePropertiesEx xmlns:v="urn:vim25"><v:_this type="PropertyCollector">propertyCollector</v:_this><v:specSet><v:propSet><v:type>Datacenter</v:type><v:pathSet>name</v:pathSet></v:propSet><v:objectSet><v:obj type="Folder">group-d1</v:obj><v:selectSet ${xsi} xsi:type="v:TraversalSpec"><v:type>Folder</v:type><v:path>childEntity</v:path></v:selectSet></v:objectSet></v:specSet><v:options/></v:RetrievePropertiesEx>`;
    assert.include((await sim.post(wrap(body))).body, '>DC0</val>');
    await sim.stop();
  });
});
