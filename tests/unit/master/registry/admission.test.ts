import { assert } from 'chai';
import fc from 'fast-check';
import { admit } from '../../../../master/registry/admission.ts';

const device = (name: string, usable: number) => ({ deviceId: name, name, usable });

describe('admit', () => {
  const cases = [
    { setting: 4, devices: [device('tape0', 4)], tasksLeft: 10, effective: 4, why: 'the setting allows 4' },
    {
      setting: 4,
      devices: [device('tape0', 1), device('tape1', 1)],
      tasksLeft: 10,
      effective: 2,
      why: 'devices "tape0", "tape1" have 2 streams for this run, the setting allows 4',
    },
    {
      setting: 4,
      devices: [device('tape0', 4)],
      tasksLeft: 3,
      effective: 3,
      why: '3 VMs left, the setting allows 4',
    },
    {
      setting: 4,
      devices: [device('tape0', 2), device('tape0', 2)],
      tasksLeft: 9,
      effective: 2,
      why: 'device "tape0" has 2 streams for this run, the setting allows 4',
    },
    { setting: 1, devices: [device('tape0', 8)], tasksLeft: 1, effective: 1, why: 'the setting allows 1' },
    {
      setting: 2,
      devices: [],
      tasksLeft: 1,
      effective: 0,
      why: 'no device can be used, the setting allows 2',
    },
  ];
  for (const { effective, why, ...input } of cases) {
    it(`gives ${effective} of ${input.setting} because ${why}`, () => {
      assert.deepEqual(admit({ ...input, noun: 'VM' }), { effective, why });
    });
  }

  it('never gives more than the setting, the streams or the tasks', () => {
    const streams = fc.array(fc.nat(8), { maxLength: 5 });
    const property = fc.property(
      fc.integer({ min: 1, max: 64 }),
      streams,
      fc.nat(50),
      (setting, counts, tasksLeft) => {
        const devices = counts.map((usable, i) => device(`d${i}`, usable));
        const total = counts.reduce((sum, usable) => sum + usable, 0);
        const { effective } = admit({ setting, devices, tasksLeft, noun: 'VM' });
        assert.equal(effective, Math.min(setting, total, tasksLeft));
      },
    );
    fc.assert(property);
  });
});
