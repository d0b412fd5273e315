import { assert } from 'chai';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  allMethods,
  allTypes,
  isManagedSubtype,
  isSubtype,
} from '../../support/vcenter-sim/schema/schema.ts';

const XSD = fileURLToPath(new URL('../../../../shared/vim25/', import.meta.url));

interface XsdType {
  readonly base: string;
  /** As in the tables: `name:type*?`. */
  readonly fields: readonly string[];
}

function readXsd(): Map<string, XsdType> {
  const types = new Map<string, XsdType>();
  for (const file of ['core-types', 'query-types', 'vim-types', 'query-messagetypes', 'vim-messagetypes']) {
    const text = readFileSync(`${XSD}${file}.xsd`, 'utf8');
    for (const [, name, content] of text.matchAll(
      /<complexType name="(\w+)"\s*>([\s\S]*?)<\/complexType>/g,
    )) {
      const fields = [...content!.matchAll(/<element\s+([^>]*?)\/>/g)].map((found) => fieldText(found[1]!));
      types.set(name!, { base: /extension\s+base="\w+:(\w+)"/.exec(content!)?.[1] ?? '', fields });
    }
  }
  return types;
}

function fieldText(attributes: string): string {
  const value = (name: string): string => new RegExp(`${name}="([^"]*)"`).exec(attributes)?.[1] ?? '';
  const many = value('maxOccurs') === 'unbounded' ? '*' : '';
  return `${value('name')}:${value('type').split(':')[1]!}${many}${value('minOccurs') === '0' ? '?' : ''}`;
}

const asText = (field: { name: string; type: string; required: boolean; many: boolean }): string =>
  `${field.name}:${field.type}${field.many ? '*' : ''}${field.required ? '' : '?'}`;

describe('the schema tables of the simulated vCenter', () => {
  it('know what derives from what', () => {
    assert.isTrue(isSubtype('VirtualDisk', 'DynamicData'));
    assert.isFalse(isSubtype('VirtualDisk', 'VirtualController'));
    assert.isTrue(isManagedSubtype('ClusterComputeResource', 'ManagedEntity'));
  });
});

describe('the schema tables beside the XSD of urn:vim25/7.0.3.0', () => {
  let xsd: Map<string, XsdType>;
  before('needs ../shared/vim25', function () {
    if (!existsSync(`${XSD}vim-types.xsd`)) {
      console.log('      skipped: ../shared/vim25 is not there');
      this.skip();
    }
    xsd = readXsd();
  });

  it('has each data type with its base and its fields in order', () => {
    for (const row of allTypes()) {
      const found = xsd.get(row.name);
      assert.deepEqual(
        { name: row.name, base: row.base, fields: row.own.map(asText) },
        { name: row.name, base: found?.base, fields: found?.fields },
      );
    }
  });

  it('has each method with its parameters in order', () => {
    for (const method of allMethods()) {
      const found = xsd.get(`${method.name.replace(/_Task$/, '')}RequestType`);
      const fields = ['_this:ManagedObjectReference', ...method.parameters.map(asText)];
      assert.deepEqual({ method: method.name, fields }, { method: method.name, fields: found?.fields });
    }
  });
});
