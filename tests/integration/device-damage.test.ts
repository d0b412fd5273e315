/**
 * A bit flipped in each kind of file of a device, and each kind cut off or gone: found, named, contained. A few places of each
 * kind; BLOCKHOUSE_ALL_DAMAGE=1 tries every eighth bit of small objects and many places of large ones.
 */
import { assert } from 'chai';
import { createHash } from 'node:crypto';
import { isAppError } from '../../shared/base/errors.ts';
import { KiB } from '../../shared/base/units.ts';
import { type CheckReport } from '../../shared/contract/device-report.ts';
import { readDirectory } from '../../shared/repository/pack-directories.ts';
import { packIdOf } from '../../shared/format/names.ts';
import { WholeDevice } from '../support/whole-device.ts';

const ALL = process.env['BLOCKHOUSE_ALL_DAMAGE'] === '1';
const SAMPLES = ALL ? 64 : 2;

/** A part of the objects of one kind. */
interface Kind {
  readonly what: string;
  readonly name: RegExp;
  /** A field may change its meaning without a trace: the document has no hash of its own. */
  readonly isOpenText?: boolean;
  /** Where the part lies in the object; all of it unless told. */
  readonly part?: (device: WholeDevice, name: string) => Promise<readonly [number, number]>;
}

const place = (device: WholeDevice, name: string): { packId: string; lengthBytes: number } => ({
  packId: packIdOf(name)!,
  lengthBytes: device.bytes(name).length,
});

/** Of the second record: where it begins, and what of it is meant. */
const inRecord =
  (from: number, to: (storedLength: number) => number): NonNullable<Kind['part']> =>
  async (device, name) => {
    const entry = (await readDirectory(device.storage, place(device, name))).at(-1)!;
    return [entry.offset + from, entry.offset + to(entry.storedLength)];
  };

const directory: NonNullable<Kind['part']> = async (device, name) => {
  const entries = await readDirectory(device.storage, place(device, name));
  const end = device.bytes(name).length - 44;
  return [end - entries.length * 48, end];
};

const KINDS: readonly Kind[] = [
  { what: 'device header', name: /^device\.json$/, isOpenText: true },
  { what: 'key slot', name: /^keys\//, isOpenText: true },
  { what: 'pack header', name: /^packs\//, part: () => Promise.resolve([0, 44]) },
  { what: 'record header', name: /^packs\//, part: inRecord(0, () => 56) },
  { what: 'payload', name: /^packs\//, part: inRecord(56, (stored) => 56 + stored) },
  { what: 'pack directory', name: /^packs\//, part: directory },
  {
    what: 'pack footer',
    name: /^packs\//,
    part: (device, name) => {
      const { length } = device.bytes(name);
      return Promise.resolve([length - 44, length]);
    },
  },
  { what: 'disk index', name: /\.index$/ },
  { what: 'manifest', name: /manifest\.json$/ },
  { what: 'configuration', name: /vm-config\.json$/ },
  { what: 'firmware file', name: /nvram$/ },
  { what: 'seal', name: /seal\.json$/, isOpenText: true },
  { what: 'pin', name: /pin\.json$/, isOpenText: true },
  { what: 'list of moved records', name: /^moved\// },
  { what: 'note of an attempt', name: /begun\.json$/, isOpenText: true },
  { what: 'list of condemned packs', name: /condemned\.json$/, isOpenText: true },
  { what: 'list of waiting attempts', name: /waits\.json$/, isOpenText: true },
];

/** Numbers below `below` that are the same in every run. */
function seeded(seed: string, i: number, below: number): number {
  return createHash('sha256').update(`${seed} ${i}`).digest().readUInt32LE(0) % below;
}

/** The report, or the message of the error by which the device cannot be opened. */
async function lookAt(device: WholeDevice): Promise<CheckReport | string> {
  try {
    return await device.report();
  } catch (error) {
    if (isAppError(error)) return error.message;
    throw error;
  }
}

const namesIt = (report: CheckReport, name: string): boolean =>
  report.findings.some(
    ({ severity, object, what }) => severity === 'damage' && (object === name || what.includes(name)),
  );

for (const encrypted of [false, true]) {
  const title = encrypted ? 'an encrypted device' : 'a device';
  describe(`damage of ${title}`, function () {
    this.timeout(ALL ? 3_600_000 : 60_000);
    let sound: WholeDevice;
    before(async () => {
      sound = await WholeDevice.make(encrypted ? { encryption: { password: 'p', label: 'one' } } : {});
    });
    after(() => sound[Symbol.asyncDispose]());

    /** What is wrong with how the damage of `name` shows; empty when all is well. */
    async function faultOf(device: WholeDevice, name: string, kind: Kind): Promise<string> {
      const report = await lookAt(device);
      // a header that cannot be used: nothing is read then, and the message says so
      if (typeof report === 'string')
        return report.includes('the header of device') || /holds another device|encrypted/.test(report)
          ? ''
          : report;
      const isFound = namesIt(report, name);
      const named = new Set(
        report.findings.flatMap(({ severity, points }) => (severity === 'damage' ? points : [])),
      );
      const lost = await device.lostPoints();
      const unnamed = lost.filter(
        (savesetId) => !named.has(savesetId) && !hasNamedBase(device, savesetId, named),
      );
      if (unnamed.length > 0)
        return `${unnamed.join(', ')} lost and not named: ${JSON.stringify(report.findings)}`;
      if (!isFound && kind.isOpenText !== true) return `not found: ${JSON.stringify(report.findings)}`;
      return '';
    }

    for (const kind of KINDS) {
      if (kind.what === 'key slot' && !encrypted) continue;

      it(`finds and names a flipped bit in a ${kind.what}, and nothing else is lost`, async () => {
        const names = sound.names(kind.name);
        assert.isNotEmpty(names);
        for (let i = 0; i < (encrypted && !ALL ? 1 : SAMPLES); i++) {
          const name = names[seeded(kind.what, i, names.length)]!;
          const [from, to] = (await kind.part?.(sound, name)) ?? [0, sound.bytes(name).length];
          const device = sound.copy();
          const at = from + seeded(`${kind.what} at`, i, to - from);
          device.flip(name, at, seeded(`${kind.what} bit`, i, 8));
          const fault = await faultOf(device, name, kind);
          assert.equal(fault, '', `byte ${at} of "${name}"`);
        }
      });

      if (kind.part !== undefined) continue;
      it(`finds and names a ${kind.what} that is cut off`, async () => {
        const name = sound.names(kind.name)[0]!;
        const whole = sound.bytes(name);
        for (const length of [0, 1, Math.floor(whole.length / 2), whole.length - 2]) {
          const device = sound.copy();
          device.replace(name, whole.subarray(0, length));
          assert.equal(await faultOf(device, name, { ...kind, isOpenText: false }), '', `${length} bytes`);
        }
      });
    }

    it('finds and names a pack that is cut off', async () => {
      const name = sound.names(/^packs\//)[0]!;
      const whole = sound.bytes(name);
      for (const length of [0, 20, 100, Math.floor(whole.length / 2), whole.length - 1]) {
        const device = sound.copy();
        device.replace(name, whole.subarray(0, length));
        assert.equal(await faultOf(device, name, KINDS[2]!), '', `${length} bytes`);
      }
    });

    for (const [what, pattern] of [
      ['pack', /^packs\//],
      ['disk index', /\.index$/],
      ['manifest', /manifest\.json$/],
      ['configuration', /vm-config\.json$/],
      ['firmware file', /nvram$/],
      ['device header', /^device\.json$/],
    ] as const) {
      it(`finds and names a ${what} that is gone`, async () => {
        for (const name of sound.names(pattern)) {
          const device = sound.copy();
          device.replace(name, undefined);
          const report = await lookAt(device);
          if (typeof report === 'string') {
            assert.include(report, 'not a device');
            continue;
          }
          assert.isTrue(namesIt(report, name), `${name}: ${JSON.stringify(report.findings)}`);
          const lost = await device.lostPoints();
          assert.isAbove(lost.length, 0);
          assert.isBelow(lost.length, 4);
        }
      });
    }

    it('finds a seal that is gone by what the catalog knows', async () => {
      const name = sound.names(/seal\.json$/)[0]!;
      const device = sound.copy();
      device.replace(name, undefined);
      const savesetId = name.split('/')[1]!;
      const known = await device.report({ states: { [savesetId]: 'sealed' } });
      assert.isTrue(namesIt(known, name));
      for (const [state, severity] of [
        ['unknown', 'note'],
        ['over', 'leftover'],
      ] as const) {
        const { findings } = await device.report({ states: { [savesetId]: state } });
        const found = findings.filter(({ object }) => object === `savesets/${savesetId}`);
        assert.deepEqual(
          found.map((finding) => finding.severity),
          [severity],
        );
      }
    });

    it('loses nothing by lists of moved records, attempts, sweeps, pins and marks that are gone', async () => {
      for (const pattern of [
        /^moved\//,
        /begun\.json$/,
        /condemned\.json$/,
        /waits\.json$/,
        /pin\.json$/,
        /^damaged\//,
      ]) {
        const device = sound.copy();
        for (const name of sound.names(pattern)) device.replace(name, undefined);
        const report = await device.report();
        assert.equal(report.counts.damage, 0, `${String(pattern)}: ${JSON.stringify(report.findings)}`);
        assert.deepEqual(await device.lostPoints(), []);
      }
    });

    it('finds all of a device whose bits were flipped in every pack', async () => {
      const device = sound.copy();
      const names = device.names(/^packs\//);
      for (const name of names) device.flip(name, device.bytes(name).length - 5 * KiB);
      const report = await device.report();
      assert.isTrue(
        names.every((name) => namesIt(report, name)),
        JSON.stringify(report.findings),
      );
      assert.equal(report.damagedPoints > 0, true);
    });
  });
}

/** Whether the point builds on one that is named: what is lost there is lost to it too. */
function hasNamedBase(device: WholeDevice, savesetId: string, named: ReadonlySet<string>): boolean {
  return device.chains.some(({ links }) => {
    const at = links.findIndex((link) => link.savesetId === savesetId);
    return at >= 0 && links.slice(at + 1).some((link) => named.has(link.savesetId));
  });
}
