import { assert } from 'chai';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { schemaFolder, validateRequests, whyNoSchema } from '../support/xsd.ts';
import { systemClock } from '../../shared/base/clock.ts';
import { moref } from '../../shared/vsphere/moref.ts';
import { VsphereSession } from '../../shared/vsphere/session.ts';
import { type CapturedRequest } from '../support/xsd.ts';
import { SoapMock } from '../support/soap-mock.ts';

type Types = ReadonlyMap<string, { readonly base: string; readonly fields: readonly string[] }>;

/** The complex types of a schema text: base, and `name type repeats` for each own field. */
function readTypes(text: string): Types {
  const types = new Map<string, { base: string; fields: string[] }>();
  for (const [, name = '', body = ''] of text.matchAll(/<complexType name="(\w+)">(.*?)<\/complexType>/gs)) {
    const base = /<extension base="(?:\w+:)?(\w+)"/.exec(body)?.[1] ?? '';
    const fields = [...body.matchAll(/<element name="(\w+)" type="(\w+):(\w+)"([^>]*)>/g)].map(
      ([, field, prefix, type, rest]) =>
        `${field} ${prefix}:${type}${rest?.includes('unbounded') ? '*' : ''}`,
    );
    types.set(name, { base, fields });
  }
  return types;
}

describe('vim25.wsdl beside the schema of VMware', () => {
  let ours: Types;
  let theirs: Types;
  let enumerations: ReadonlySet<string>;

  before(function () {
    const why = whyNoSchema();
    if (why !== undefined) {
      console.log(`      skipped: ${why}`);
      this.skip();
    }
    const wsdl = fileURLToPath(new URL('../../shared/vsphere/soap/vim25.wsdl', import.meta.url));
    const names = [
      'core-types.xsd',
      'query-types.xsd',
      'vim-types.xsd',
      'vim-messagetypes.xsd',
      'query-messagetypes.xsd',
    ];
    const schema = names.map((name) => readFileSync(path.join(schemaFolder, name), 'utf8')).join('\n');
    ours = readTypes(readFileSync(wsdl, 'utf8'));
    theirs = readTypes(schema);
    enumerations = new Set([...schema.matchAll(/<simpleType name="(\w+)"/g)].map((match) => match[1] ?? ''));
  });

  it('has the same base and, in the same order, fields of the same types', () => {
    assert.isAbove(ours.size, 150);
    for (const [name, type] of ours) {
      const real = theirs.get(name);
      assert.isDefined(real, name);
      assert.equal(type.base, real.base, name);
      const plain = real.fields.map((field) =>
        field.replace(/vim25:(\w+)/, (all, enumeration: string) =>
          enumerations.has(enumeration) ? 'xsd:string' : all,
        ),
      );
      let from = 0;
      for (const field of type.fields) {
        const at = plain.indexOf(field, from);
        assert.isAtLeast(at, 0, `${name}.${field}`);
        from = at + 1;
      }
    }
  });

  it('has every virtual device and every backing', () => {
    const isKnown = (name: string): boolean => ours.has(name);
    const descendants = (base: string): readonly string[] => {
      const direct = [...theirs].filter(([, type]) => type.base === base).map(([name]) => name);
      return [...direct, ...direct.flatMap(descendants)];
    };
    const all = [...descendants('VirtualDevice'), ...descendants('VirtualDeviceBackingInfo')];
    assert.isAbove(all.length, 80);
    assert.deepEqual(
      all.filter((name) => !isKnown(name)),
      [],
    );
  });

  it('makes valid requests of values in any order of fields', async () => {
    await using mock = await SoapMock.start();
    const requests: CapturedRequest[] = [];
    const onRequest = (method: string, envelope: string): void => void requests.push({ method, envelope });
    const signal = new AbortController().signal;
    await using session = await VsphereSession.connect(
      mock.options({ onRequest, clock: systemClock }),
      signal,
    );
    const backing = {
      $type: 'VirtualDiskFlatVer2BackingInfo',
      thinProvisioned: true,
      diskMode: 'persistent',
      fileName: '[ds] ',
      uuid: null,
      datastore: moref('Datastore', 'ds-1'),
    };
    const disk = {
      $type: 'VirtualDisk',
      capacityInBytes: 68_719_476_736,
      capacityInKB: 67_108_864,
      unitNumber: 0,
      controllerKey: -1,
      key: -2,
      backing,
    };
    const spec = {
      extraConfig: [
        { value: true, key: 'flag' },
        { value: 7, key: 'number' },
        { value: ' a<&>"\' ', key: 'text' },
      ],
      deviceChange: [{ device: disk, operation: 'add', fileOperation: 'create' }],
      memoryMB: 4096,
      numCPUs: 2,
      annotation: undefined,
      name: '<![CDATA[vm]]>',
    };
    const args = { _this: moref('VirtualMachine', 'vm-1'), spec };
    await session.call('ReconfigVM_Task', args, { signal, idempotent: true });
    assert.deepEqual(await validateRequests(requests), []);
  });

  it('is used by a check that does find what is wrong', async () => {
    const bad = (inner: string): CapturedRequest => ({
      method: 'Login',
      envelope: `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><Login xmlns="urn:vim25">${inner}</Login></s:Body></s:Envelope>`,
    });
    const session = '<_this type="SessionManager">sm</_this>';
    const found = await validateRequests([
      bad(`${session}<userName>u</userName><password>p</password>`),
      bad(`${session}<password>p</password><userName>u</userName>`),
    ]);
    assert.isNotEmpty(found);
    assert.isTrue(
      found.every((line) => !line.includes('0-Login')),
      found.join('\n'),
    );
  });
});
