import { assert } from 'chai';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GRAIN, pattern, TestSim, tinySite } from './raw-client.ts';

describe('/folder of the simulated vCenter', () => {
  let sim: TestSim;
  let flat: Buffer;
  before(async () => {
    sim = await TestSim.start();
    await sim.login();
    await sim.write('vm1', 0, pattern(2 * GRAIN));
    await sim.snapshot('vm1');
    flat = await readFile(join(sim.sim.ready.datastores['ds1']!, 'vm1', 'vm1-flat.vmdk'));
  });
  afterEach(() => sim.control('clearFaults', {}));
  after(() => sim.stop());
  const FLAT = 'vm1/vm1-flat.vmdk';

  it('gives the whole file, and its length to HEAD', async () => {
    const whole = await sim.folder(FLAT);
    assert.equal(whole.status, 200);
    assert.isTrue(whole.bytes.equals(flat));
    const head = await sim.folder(FLAT, { method: 'HEAD' });
    assert.equal(head.headers['content-length'], String(flat.length));
    assert.equal(head.headers['accept-ranges'], 'bytes');
  });

  const ranges: [string, number, number][] = [
    ['bytes=0-511', 0, 512],
    ['bytes=65530-65545', 65_530, 65_546],
    [`bytes=${63 * GRAIN}-`, 63 * GRAIN, 64 * GRAIN],
    ['bytes=-100', 64 * GRAIN - 100, 64 * GRAIN],
    [`bytes=${63 * GRAIN}-${99 * GRAIN}`, 63 * GRAIN, 64 * GRAIN],
  ];
  for (const [range, start, end] of ranges) {
    it(`answers ${range} with 206`, async () => {
      const answer = await sim.folder(FLAT, { range });
      assert.equal(answer.status, 206);
      assert.equal(answer.headers['content-range'], `bytes ${start}-${end - 1}/${flat.length}`);
      assert.isTrue(answer.bytes.equals(flat.subarray(start, end)));
    });
  }

  it('refuses a range beyond the end with 416', async () => {
    assert.equal((await sim.folder(FLAT, { range: `bytes=${64 * GRAIN}-` })).status, 416);
  });

  it('needs a session or basic credentials', async () => {
    const { cookie } = sim;
    sim.cookie = '';
    const path = `/folder/${FLAT}?dcPath=DC0&dsName=ds1`;
    assert.equal((await sim.http('HEAD', path)).status, 401);
    const basic = Buffer.from(`${sim.sim.ready.username}:${sim.sim.ready.password}`).toString('base64');
    assert.equal(
      (await sim.http('HEAD', path, { headers: { Authorization: `Basic ${basic}` } })).status,
      200,
    );
    sim.cookie = cookie;
  });

  it('answers 404 for what is not there, or lies outside of the datastore', async () => {
    for (const path of ['vm1/none.vmdk', '..%2f..%2fsite.json', 'vm1', 'vm1/%zz'])
      assert.equal((await sim.folder(path)).status, 404);
    assert.equal((await sim.http('GET', `/folder/${FLAT}?dcPath=DC0&dsName=ds9`)).status, 404);
  });

  it('refuses the file that the running machine writes, until it is off', async () => {
    assert.equal((await sim.folder('vm2/vm2-flat.vmdk', { method: 'HEAD' })).status, 500);
    assert.equal((await sim.folder('vm1/vm1-000001-delta.vmdk', { method: 'HEAD' })).status, 500);
    await sim.task('PowerOffVM_Task', await sim.moref('vm2'));
    assert.equal((await sim.folder('vm2/vm2-flat.vmdk', { method: 'HEAD' })).status, 200);
  });

  it('answers a scripted status as often as told', async () => {
    await sim.control('fault', {
      rule: { method: 'folder', object: 'vm1-flat', action: 'status', status: 503, count: 2 },
    });
    const seen: number[] = [];
    for (let index = 0; index < 3; index++)
      seen.push((await sim.folder(FLAT, { range: 'bytes=0-9' })).status);
    assert.deepEqual(seen, [503, 503, 206]);
  });

  it('cuts the connection in the middle of a body when told', async () => {
    await sim.control('fault', { rule: { method: 'folder', action: 'cut', afterBytes: 70_000 } });
    const error = await sim.folder(FLAT).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert.instanceOf(error, Error);
    assert.equal((await sim.folder(FLAT)).status, 200);
  });

  it('holds the bytes back to the bandwidth', async () => {
    const slow = await TestSim.start(tinySite({ folderBytesPerSecond: 40 * GRAIN }));
    await slow.login();
    await slow.snapshot('vm1');
    const started = performance.now();
    const answer = await slow.folder('vm1/vm1-flat.vmdk', { range: `bytes=0-${8 * GRAIN - 1}` });
    assert.equal(answer.bytes.length, 8 * GRAIN);
    assert.isAtLeast(performance.now() - started, 190);
    assert.equal((await slow.control('stats', {})).folderBytes, 8 * GRAIN);
    await slow.stop();
  });
});
