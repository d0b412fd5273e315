/** Devices that earlier versions wrote, as they were committed: this version lists, verifies and restores all of them. */
import { assert } from 'chai';
import { readFileSync, readdirSync } from 'node:fs';
import { cp, readFile } from 'node:fs/promises';
import { sha256Hex } from '../../shared/format/hash.ts';
import { type ChainLink } from '../../shared/contract/ipc.ts';
import { type Manifest } from '../../shared/format/manifest.ts';
import { type OpenDevice, openDevice, readDeviceHeader } from '../../shared/repository/device.ts';
import { unlock } from '../../shared/repository/key-slots.ts';
import { scanSavesets } from '../../shared/repository/scan-savesets.ts';
import { openLocalStorage } from '../../shared/repository/storage-local.ts';
import { CodePool } from '../../worker/pipeline/thread-pool.ts';
import { restoreDisk } from '../../worker/restore/restore-disk.ts';
import { verifyPoint } from '../../worker/verify/verify-point.ts';
import {
  COMPAT_PASSWORD,
  type CompatExpectation,
  FIXTURES,
  compatExpectation,
  compatFolder,
} from '../support/compat-device.ts';
import { testContext } from '../support/saveset-chain.ts';
import { type TempFolder, tempFolder } from '../support/temp.ts';

const names = readdirSync(FIXTURES).filter((name) => /^device-v\d+(-encrypted)?$/.test(name));
const attempt = { taskId: 1, attempt: 1, token: 1, runId: 1 };

async function open(folder: string): Promise<OpenDevice> {
  const storage = openLocalStorage(folder);
  const { deviceId, features } = await readDeviceHeader(storage);
  if (features.required.length === 0) return openDevice(storage);
  const { key } = await unlock({ storage, deviceId }, COMPAT_PASSWORD);
  return openDevice(storage, { expectDeviceId: deviceId, key });
}

async function manifestsOn(device: OpenDevice): Promise<ReadonlyMap<string, Manifest>> {
  const found = new Map<string, Manifest>();
  const onFound: Parameters<typeof scanSavesets>[1] = (saveset) => {
    if (saveset.error !== null) throw saveset.error;
    found.set(saveset.savesetId, saveset.manifest);
  };
  await scanSavesets(device, onFound, new AbortController().signal);
  return found;
}

/** The savesets below a point, by what they are and by what they stand for. */
function chainOf(savesetId: string, manifests: ReadonlyMap<string, Manifest>, device: ChainLink['device']) {
  const links: ChainLink[] = [];
  for (let next: string | undefined = savesetId; next !== undefined;) {
    const id: string = next;
    const manifest =
      manifests.get(id) ?? [...manifests.values()].find(({ standsFor }) => standsFor.includes(id));
    assert.isDefined(manifest, `${id} is on the device`);
    links.push({ savesetId: manifest.savesetId, device });
    next = manifest.base?.savesetId;
  }
  return links;
}

describe('devices of earlier versions', function () {
  this.timeout(60_000);

  it('are there', () => assert.includeMembers(names, ['device-v1', 'device-v1-encrypted']));

  for (const name of names) {
    describe(name, () => {
      const expected = JSON.parse(readFileSync(compatExpectation(name), 'utf8')) as CompatExpectation;
      let folder: TempFolder;
      let device: OpenDevice;
      let pool: CodePool;
      let manifests: ReadonlyMap<string, Manifest>;

      before(async () => {
        folder = await tempFolder();
        await cp(compatFolder(name), folder.file('device'), { recursive: true });
        device = await open(folder.file('device'));
        const { gridBytes } = device.header;
        pool = new CodePool({ threads: 1, gridBytes, cipher: device.cipher });
        manifests = await manifestsOn(device);
      });
      after(async () => {
        await pool[Symbol.asyncDispose]();
        await folder[Symbol.asyncDispose]();
      });

      const linksOf = (savesetId: string): ChainLink[] => {
        const { deviceId } = device.header;
        const access = { deviceId, name: 'tape0', path: folder.file('device'), key: null };
        return chainOf(savesetId, manifests, access);
      };

      it('lists every point', () => {
        assert.equal(device.cipher.isEncrypting, expected.encrypted);
        assert.sameMembers([...manifests.keys()], Object.keys(expected.points));
      });

      for (const [savesetId, disks] of Object.entries(expected.points)) {
        it(`verifies and restores point ${savesetId}`, async () => {
          const chain = linksOf(savesetId);
          const { context } = testContext(device, pool);
          const { warnings, failure } = await verifyPoint({ kind: 'verify', ...attempt, chain }, context);
          assert.deepEqual([warnings, failure], [[], undefined]);
          for (const [key, sha256] of Object.entries(disks)) {
            const target = { path: folder.file('disk.img'), format: 'raw', overwrite: true } as const;
            await restoreDisk({ kind: 'restore', ...attempt, chain, diskKey: Number(key), target }, context);
            assert.equal(sha256Hex(await readFile(target.path)), sha256);
          }
        });
      }
    });
  }
});
