import { assert } from 'chai';
import { type Harness, harness } from '../../../support/app-harness.ts';
import { rejectsCode } from '../../vsphere/throws-code.ts';

const { signal } = new AbortController();

describe('rebuildService', function () {
  this.timeout(20_000);
  let service: Harness;

  beforeEach(async () => {
    service = await harness([{ name: 'tape0', streams: 1 }]);
  });
  afterEach(() => service[Symbol.asyncDispose]());

  it('rebuilds once at a time', async () => {
    const { services } = service.app;
    const first = services.rebuild({ dryRun: true }, signal);
    const error = await rejectsCode('USAGE_BUSY', services.rebuild({}, signal));
    assert.include(error.message, 'it is being rebuilt already');
    assert.lengthOf((await first).devices, 1);
    assert.lengthOf((await services.rebuild({}, signal)).devices, 1);
  });
});
