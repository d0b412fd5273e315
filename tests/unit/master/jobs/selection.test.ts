import { assert } from 'chai';
import { selectVms } from '../../../../master/jobs/selection.ts';
import { inventoryVm } from '../../../support/app-harness.ts';

const vm = (inventoryPath: string, more: object = {}) => {
  const name = inventoryPath.split('/').at(-1) ?? '';
  return { ...inventoryVm(name), inventoryPath, ...more };
};

const inventory = [
  vm('/DC0/vm/prod/DB01'),
  vm('/DC0/vm/prod/db02'),
  vm('/DC0/vm/prod/old/db03'),
  vm('/DC0/vm/test/web (old) [1]'),
  vm('/DC0/vm/template-win', { template: true }),
  vm('/DC0/vm/lost', { connectionState: 'orphaned' }),
];

describe('selectVms', () => {
  const cases = [
    { patterns: ['db*'], exclude: [], names: ['DB01', 'db02', 'db03'] },
    { patterns: ['db0?'], exclude: ['DB02'], names: ['DB01', 'db03'] },
    { patterns: ['/DC0/vm/prod/*'], exclude: [], names: ['DB01', 'db02'] },
    { patterns: ['/dc0/vm/prod/**'], exclude: [], names: ['DB01', 'db02', 'db03'] },
    { patterns: ['**'], exclude: ['/DC0/vm/prod/**'], names: ['web (old) [1]'] },
    { patterns: ['web (old) [1]'], exclude: [], names: ['web (old) [1]'] },
    { patterns: ['web old 1'], exclude: [], names: [] },
    { patterns: ['{DB01,db02}'], exclude: [], names: [] },
    { patterns: ['!DB01'], exclude: [], names: [] },
    { patterns: ['DB01', 'db*'], exclude: [], names: ['DB01', 'db02', 'db03'] },
  ];
  for (const { patterns, exclude, names } of cases) {
    it(`takes ${names.join(', ') || 'nothing'} for ${patterns.join(' ')} without ${exclude.join(' ') || 'exception'}`, () => {
      const { selected } = selectVms(inventory, patterns, exclude);
      assert.sameMembers(
        selected.map(({ name }) => name),
        names,
      );
    });
  }

  it('names what it leaves out and why', () => {
    const { leftOut } = selectVms(inventory, ['*'], ['db*']);
    assert.deepInclude(
      leftOut.map(({ vm: { name }, reason }) => ({ name, reason })),
      { name: 'template-win', reason: 'it is a template' },
    );
    assert.includeDeepMembers(
      leftOut.map(({ vm: { name }, reason }) => ({ name, reason })),
      [
        { name: 'lost', reason: 'the server has no access to it: orphaned' },
        { name: 'DB01', reason: 'excluded by "db*"' },
      ],
    );
  });

  it('names patterns that match no VM at all', () => {
    assert.deepEqual(selectVms(inventory, ['db*', 'sap*'], []).idlePatterns, ['sap*']);
  });

  it('orders by path, so that two runs go the same way', () => {
    const { selected } = selectVms([...inventory].reverse(), ['db*'], []);
    assert.deepEqual(
      selected.map(({ name }) => name),
      ['DB01', 'db02', 'db03'],
    );
  });
});
