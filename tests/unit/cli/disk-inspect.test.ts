import { assert } from 'chai';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CliWorld } from '../../support/cli-world.ts';
import { listDisks, loadDisk, writeState } from '../../support/fixtures.ts';

interface Figures {
  readonly capacityBytes: number;
  readonly keptBytes: number;
  readonly skippedBytes: number;
  readonly volumes: readonly {
    readonly startBytes: number;
    readonly skippedBytes: number;
    readonly picture?: unknown;
  }[];
}

describe('disk inspect', function () {
  this.timeout(60_000);
  let world: CliWorld;
  before(async () => {
    world = await CliWorld.open();
    await world.stopService();
  });
  after(() => world[Symbol.asyncDispose]());

  for (const name of listDisks()) {
    it(`tells of ${name} what the file-system tools tell`, async () => {
      const { capacityBytes, states } = loadDisk(name);
      const state = states[0]!;
      await writeState(name, state.name, path.join(world.dataDir, `${name}.raw`));
      const { code, stdout, stderr } = await world.run(['disk', 'inspect', `${name}.raw`, '--json']);
      assert.equal(code, 0, stderr);
      const figures = JSON.parse(stdout) as Figures;
      const free = state.volumes.map(({ freeClusters, clusterBytes }) => freeClusters * clusterBytes);
      const skippedBytes = free.reduce((sum, bytes) => sum + bytes, 0);
      assert.include(figures, { capacityBytes, skippedBytes, keptBytes: capacityBytes - skippedBytes });
      for (const [index, volume] of state.volumes.entries()) {
        const found = figures.volumes.find(({ startBytes }) => startBytes === volume.startBytes)!;
        assert.equal(found.skippedBytes, free[index]);
        assert.notProperty(found, 'picture');
      }
    });
  }

  it('draws a disk with two volumes, its legend and its figures', async () => {
    const { code, stdout, stderr } = await world.run(['disk', 'inspect', 'win-two.raw']);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^The filter +works on every volume that it knows$/m);
    assert.match(stdout, /^disk {11}[?#*+:.]{64}$/m);
    assert.match(stdout, /^1 NTFS {9}[#*+:.]{64}$/m);
    assert.match(stdout, /^2 NTFS {9}[#*+:.]{64}$/m);
    assert.include(stdout, '# used');
  });

  it('draws with blocks where the locale is UTF-8', async () => {
    const { stdout } = await world.run(['disk', 'inspect', 'win-two.raw'], { env: { LANG: 'C.UTF-8' } });
    assert.match(stdout, /^1 NTFS {9}[█▓▒░·]{64}$/m);
  });

  it('says why a damaged volume is kept whole', async () => {
    const file = path.join(world.dataDir, 'win-two.raw');
    const bytes = await readFile(file);
    const { startBytes } = loadDisk('win-two').states[0]!.volumes[0]!;
    bytes.fill(0, startBytes + 11, startBytes + 75);
    await writeFile(path.join(world.dataDir, 'damaged.raw'), bytes);
    const { code, stdout } = await world.run(['disk', 'inspect', 'damaged.raw']);
    assert.equal(code, 0);
    assert.match(stdout, /^volume 1: kept whole: .* \[[a-z-]+\]$/m);
    assert.match(stdout, /^1 NTFS {9}X{64}$/m);
    assert.match(stdout, /^warning: .*\[FS_STRUCTURE_INVALID\]$/m);
  });

  it('draws a disk without volumes', async () => {
    const { stdout } = await world.run(['disk', 'inspect', 'blank.raw']);
    assert.match(stdout, /^disk {11}\?{64}$/m);
    assert.notInclude(stdout, 'CLUSTER');
  });

  it('writes an SVG into a new file, and into no other', async () => {
    const words = ['disk', 'inspect', 'win-two.raw', '--svg', 'two.svg'];
    assert.equal((await world.run(words)).code, 0);
    const svg = await readFile(path.join(world.dataDir, 'two.svg'), 'utf8');
    assert.match(svg, /^<svg [^]*<\/svg>\n$/);
    const again = await world.run(words);
    assert.equal(again.code, 2);
    assert.include(again.stderr, 'it exists');
    const nowhere = await world.run([...words.slice(0, 4), path.join('none', 'two.svg')]);
    assert.equal(nowhere.code, 2);
  });

  it('ends with 2 for a file that is no disk', async () => {
    const { code, stderr } = await world.run(['disk', 'inspect', 'none.raw']);
    assert.equal(code, 2);
    assert.match(stderr, /^error: Cannot use the file ".*none\.raw" as a disk: /);
  });
});
