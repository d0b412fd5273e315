import { assert } from 'chai';
import { WholeDevice } from '../../../support/whole-device.ts';

describe('checkDevice', () => {
  let sound: WholeDevice;
  before(async () => {
    sound = await WholeDevice.make();
  });
  after(() => sound[Symbol.asyncDispose]());

  it('finds nothing wrong with a sound device', async () => {
    for (const payloads of [false, true]) {
      const report = await sound.report({ payloads });
      assert.equal(report.counts.damage, 0, JSON.stringify(report.findings, undefined, 1));
      assert.equal(report.points, 4);
      assert.equal(report.lostChunks, 0);
      console.log(report);
    }
  });
});
