import { assert } from 'chai';
import { fileURLToPath } from 'node:url';
import { createClientAsync } from 'soap';
import { readTypeTable, type TypeTable } from '../../../../shared/vsphere/soap/type-table.ts';
import {
  decodeValue,
  deserializers,
  encodeValue,
  wholeNumber,
} from '../../../../shared/vsphere/soap/typed-values.ts';
import { throwsCode } from '../throws-code.ts';

const WSDL = fileURLToPath(new URL('../../../../shared/vsphere/soap/vim25.wsdl', import.meta.url));
const XSI =
  'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema"';

let types: TypeTable;
let parse: (xml: string) => unknown;

before(async () => {
  const client = await createClientAsync(WSDL, {
    attributesKey: '$attributes',
    preserveWhitespace: true,
    customDeserializer: deserializers,
  });
  types = readTypeTable(client.wsdl);
  parse = (xml) =>
    client.wsdl.xmlToObject(
      `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" ${XSI}><s:Body>${xml}</s:Body></s:Envelope>`,
    ) as unknown;
});

describe('readTypeTable', () => {
  it('lists inherited fields first, in schema order', () => {
    const names = types.fieldsOf('VirtualDisk')!.map((field) => field.name);
    assert.deepEqual(names.slice(0, 3), ['key', 'deviceInfo', 'backing']);
    assert.isBelow(names.indexOf('unitNumber'), names.indexOf('capacityInKB'));
    assert.isBelow(names.indexOf('capacityInKB'), names.indexOf('capacityInBytes'));
  });
  it('knows which fields repeat', () => {
    const field = types.fieldsOf('DiskChangeInfo')!.find(({ name }) => name === 'changedArea');
    assert.deepInclude(field, { type: 'DiskChangeExtent', many: true });
  });
  it('maps a task method to its parameters', () => {
    assert.equal(types.requestTypeOf('CreateSnapshot_Task'), 'CreateSnapshotRequestType');
    assert.isUndefined(types.requestTypeOf('toString'));
  });
  it('has no type that is not in the subset', () => assert.isUndefined(types.fieldsOf('constructor')));
});

describe('encodeValue', () => {
  it('puts the fields of a subtype in schema order', () => {
    const backing = {
      $type: 'VirtualDiskFlatVer2BackingInfo',
      thinProvisioned: true,
      diskMode: 'persistent',
      fileName: '[a]',
    };
    const encoded = encodeValue(backing, 'VirtualDeviceBackingInfo', types) as object;
    assert.deepEqual(Object.keys(encoded), ['$attributes', 'fileName', 'diskMode', 'thinProvisioned']);
  });
  it('leaves out null and undefined', () => {
    const encoded = encodeValue({ name: null, path: undefined, type: 'x' }, 'TraversalSpec', types);
    assert.deepEqual(encoded, { type: 'x' });
  });
  it('writes a reference as text with its type', () => {
    const encoded = encodeValue({ type: 'Task', value: 'task-1' }, 'ManagedObjectReference', types);
    assert.deepEqual(encoded, { $attributes: { type: 'Task' }, $value: 'task-1' });
  });
  it('names the type of a primitive where any type is allowed', () => {
    const encoded = encodeValue({ key: 'a', value: true }, 'OptionValue', types) as { value: object };
    assert.deepInclude(encoded.value, { $value: 'true' });
  });
  it('does not let a text pass for CDATA', () => {
    assert.deepEqual(encodeValue('<![CDATA[<x/>]]>', 'string', types), {
      $xml: '&lt;![CDATA[&lt;x/&gt;]]&gt;',
    });
  });
  it('refuses a field that the type does not have', () => {
    throwsCode('BUG_INVARIANT', () => encodeValue({ nmae: 'x' }, 'TraversalSpec', types));
  });
});

/** The decoded `val` of one property in an answer. */
function decodedVal(val: string): unknown {
  const xml = `<RetrievePropertiesExResponse xmlns="urn:vim25"><returnval><objects><obj type="VirtualMachine">vm-1</obj><propSet><name>p</name>${val}</propSet></objects></returnval></RetrievePropertiesExResponse>`;
  const body = decodeValue(parse(xml)) as { Body: { RetrievePropertiesExResponse: { returnval: unknown } } };
  const result = body.Body.RetrievePropertiesExResponse.returnval as {
    objects: { propSet: { val: unknown }[] }[];
  };
  return result.objects[0]!.propSet[0]!.val;
}

describe('decodeValue', () => {
  const cases: readonly (readonly [string, string, unknown])[] = [
    ['a boolean', '<val xsi:type="xsd:boolean">true</val>', true],
    ['a whole number', '<val xsi:type="xsd:int">42</val>', 42],
    ['a text', '<val xsi:type="xsd:string">a</val>', 'a'],
    ['an empty text', '<val xsi:type="xsd:string"></val>', ''],
    ['a text with blanks at both ends', '<val xsi:type="xsd:string">  lead trail  </val>', '  lead trail  '],
    ['a text with entities', '<val xsi:type="xsd:string">a&lt;&amp;&#x9;b</val>', 'a<&\tb'],
    [
      'a reference',
      '<val type="Task" xsi:type="ManagedObjectReference">task-1</val>',
      { type: 'Task', value: 'task-1' },
    ],
    [
      'a list of one',
      '<val xsi:type="ArrayOfManagedObjectReference"><ManagedObjectReference type="Task">t</ManagedObjectReference></val>',
      [{ type: 'Task', value: 't' }],
    ],
    ['an empty list', '<val xsi:type="ArrayOfManagedObjectReference"/>', []],
    [
      'a list of a type that the subset lacks',
      '<val xsi:type="ArrayOfTag"><Tag><key>k</key></Tag></val>',
      [{ key: 'k' }],
    ],
    [
      'another prefix',
      '<val xmlns:_X="http://www.w3.org/2001/XMLSchema-instance" _X:type="xsd:boolean">1</val>',
      true,
    ],
    [
      'the prefix that vcsim uses',
      '<val xmlns:XMLSchema-instance="http://www.w3.org/2001/XMLSchema-instance" XMLSchema-instance:type="xsd:int">7</val>',
      7,
    ],
    [
      'a date as text',
      '<val xsi:type="xsd:dateTime">2026-01-02T03:04:05.123456Z</val>',
      '2026-01-02T03:04:05.123456Z',
    ],
    ['a long that a number holds', '<val xsi:type="xsd:long">9007199254740991</val>', 9007199254740991],
    [
      'a long that no number holds, as text',
      '<val xsi:type="xsd:long">9007199254740993</val>',
      '9007199254740993',
    ],
  ];
  for (const [title, xml, wanted] of cases) {
    it(`reads ${title}`, () => assert.deepEqual(decodedVal(xml), wanted));
  }
  it('reads a subtype with its numbers and lists', () => {
    const device =
      '<VirtualDevice xsi:type="VirtualPCIController"><key>100</key><busNumber>0</busNumber><device>500</device></VirtualDevice>' +
      '<VirtualDevice xsi:type="VirtualDisk"><key>2000</key><capacityInBytes>68719476736</capacityInBytes></VirtualDevice>';
    assert.deepEqual(decodedVal(`<val xsi:type="ArrayOfVirtualDevice">${device}</val>`), [
      { $type: 'VirtualPCIController', key: 100, busNumber: 0, device: [500] },
      { $type: 'VirtualDisk', key: 2000, capacityInBytes: 68719476736 },
    ]);
  });
  it('refuses a value that is nested without end', () => {
    let value: unknown = 'x';
    for (let i = 0; i < 1000; i++) value = { inner: value };
    throwsCode('VSPHERE_ANSWER_INVALID', () => decodeValue(value));
  });
});

describe('wholeNumber', () => {
  for (const text of ['', 'abc', '1e3', '0x10', '99999999999999999999', '1.5']) {
    it(`leaves "${text}" a text`, () => assert.equal(wholeNumber(text), text));
  }
  it('reads signs', () => assert.equal(wholeNumber(' -12 '), -12));
});
