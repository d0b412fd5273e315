import { assert } from 'chai';
import { type RunView } from '../../../shared/contract/api.ts';
import { type VerifyReport } from '../../../shared/contract/device-report.ts';
import { CliWorld } from '../../support/cli-world.ts';
import { aRun, aTask, aVerifyPlan } from '../../support/fake-services.ts';

const DAY_MS = 86_400_000;
const GIB = 2 ** 30;

describe('the command line: verify', () => {
  let world: CliWorld;
  beforeEach(async () => {
    world = await CliWorld.open();
  });
  afterEach(() => world[Symbol.asyncDispose]());

  const sent = (): unknown => {
    const call = world.core.calls.findLast((text) => text.startsWith('verify'));
    return JSON.parse(call!.slice(call!.indexOf(' ')));
  };

  const none = { points: [], all: false, vms: [], jobs: [], devices: [], streams: 1 };
  const asked: readonly (readonly [string, readonly string[], object])[] = [
    ['points by name', ['5f3a', '5f3b'], { points: ['5f3a', '5f3b'] }],
    ['all points', ['--all', '--streams', '3'], { all: true, streams: 3 }],
    [
      'sets by VM, job and device',
      ['--vm', 'db*', '--vm', 'web*', '--job', 'nightly', '--device', 'disk1'],
      { vms: ['db*', 'web*'], jobs: ['nightly'], devices: ['disk1'] },
    ],
    [
      'what was not verified for long, within a budget',
      ['--older-than', '30d', '--budget', '500GiB'],
      { olderThanMs: 30 * DAY_MS, budgetBytes: 500 * GIB },
    ],
  ];
  for (const [what, words, body] of asked) {
    it(`asks for ${what}`, async () => {
      const result = await world.run(['verify', ...words, '--no-wait']);
      assert.equal(result.code, 0, result.stderr);
      assert.deepEqual(sent(), { ...none, ...body });
      assert.match(result.stdout, /^Left for later: 2 points, 1\.00 GiB; 2 more runs like this one$/m);
      assert.match(result.stdout, /^Run 12 has begun$/m);
    });
  }

  it('names what is lost, down to the files, and where they are not known', async () => {
    const volume = { startBytes: 1048576, lengthBytes: GIB, lostBytes: 65536, moreFiles: 0 };
    const ntfs = {
      ...{ ...volume, fileSystem: 'NTFS', filesBytes: 61440, moreFiles: 12, reason: null },
      files: [{ path: '\\Data\\db.mdf', bytes: 61440 }],
    };
    const ext4 = { ...volume, fileSystem: 'ext4', files: [], filesBytes: null, reason: 'not looked up' };
    const torn = { ...ntfs, reason: '2 file records cannot be read' };
    const report: VerifyReport = {
      ...{ kind: 'verify', savesetId: '5f3a00000000c001' },
      disks: [
        {
          ...{ key: 2000, label: 'Hard disk 1', chunks: 2, bytes: 131072, moreRanges: 3, outsideBytes: 512 },
          ranges: [{ start: 65536, length: 65536 }],
          volumes: [ntfs, ext4, torn],
          reason: 'only the first 4096 ranges were looked up',
        },
      ],
      unreadable: [{ what: '"nvram"', reason: 'it is damaged' }],
      ...{ otherPoints: ['5f3a00000000c002'], moreOtherPoints: 1 },
    };
    world.core.runs = [aRun({ kind: 'verify', job: null, tasks: [aTask({ kind: 'verify', report })] })];
    const { stdout } = await world.run(['run', 'show', '12']);
    const lines = [
      'Lost of point 5f3a00000000c001:',
      '  "nvram": it is damaged',
      '  disk 2000 "Hard disk 1": 2 chunks, 128 KiB',
      '    bytes 65536-131071',
      '    and at least 3 more ranges',
      '    NTFS volume at byte 1048576: 64.0 KiB lost',
      '      \\Data\\db.mdf (60.0 KiB)',
      '      and 12 more files',
      '      4.00 KiB in no file',
      '    ext4 volume at byte 1048576: 64.0 KiB lost',
      '      files not known: not looked up',
      '    NTFS volume at byte 1048576: 64.0 KiB lost',
      '      \\Data\\db.mdf (60.0 KiB)',
      '      and 12 more files',
      '      maybe more: 2 file records cannot be read',
      '    512 B outside of volumes',
      '    files not known: only the first 4096 ranges were looked up',
      '  Other points that use the damaged records: 5f3a00000000c002 and 1 more',
    ];
    assert.include(stdout, lines.join('\n'));
    const { stdout: json } = await world.run(['run', 'show', '12', '--json']);
    assert.deepEqual((JSON.parse(json) as RunView).tasks[0]!.report, report);
  });

  for (const words of [
    ['--older-than', '30'],
    ['--budget', 'all'],
    ['--budget', '0GiB'],
    ['--streams', '0'],
  ]) {
    it(`refuses ${words.join(' ')}`, async () => {
      assert.equal((await world.run(['verify', '--all', ...words])).code, 2);
    });
  }

  it('shows the plan without starting anything', async () => {
    world.core.verifyPlan = aVerifyPlan({
      obstacles: ['Cannot verify one point: device "disk2": it is away'],
    });
    const { code, stdout } = await world.run(['verify', '--all', '--dry-run']);
    assert.equal(code, 0);
    assert.match(stdout, /^5f3a00000000c001 +db01 /m);
    assert.match(stdout, /^Verifies 1 point, reads at most 700 MiB$/m);
    assert.match(stdout, /^Cannot verify one point: device "disk2": it is away$/m);
    assert.isTrue(world.core.calls.every((call) => !call.startsWith('verify ')));
    const json = await world.run(['verify', '--all', '--dry-run', '--json']);
    assert.deepEqual(JSON.parse(json.stdout), world.core.verifyPlan);
  });

  it('says when there is nothing to verify, which is no failure', async () => {
    const left = { points: 0, readBytes: 0, moreRuns: 0, isComplete: true };
    world.core.verifyPlan = aVerifyPlan({ points: [], total: { points: 0, readBytes: 0 }, left });
    const { code, stdout } = await world.run(['verify', '--older-than', '30d']);
    assert.deepEqual([code, stdout.trim()], [0, 'Nothing to verify']);
  });

  it('ends with the code of what a check found, and shows it', async () => {
    const finding = {
      severity: 'damage' as const,
      object: 'packs/00/00.pack',
      what: 'one record is damaged',
      remedy: '`device repair` marks it',
      points: ['5f3a00000000c001'],
      morePoints: 3,
    };
    const report = {
      kind: 'check' as const,
      payloads: true,
      repair: 'done' as const,
      findings: [finding],
      counts: { damage: 1, leftovers: 0, notes: 1 },
      points: 4,
      damagedPoints: 1,
      dependentPoints: 2,
      dependents: ['5f3a00000000c002'],
      packs: { packs: 2, bytes: GIB },
      records: { count: 10, compared: 10, payloadBytes: GIB },
      lostChunks: 1,
      unusedBytes: null,
      leftOut: ['Bases: they are elsewhere'],
      repairs: ['mark the record'],
      moreRepairs: 1,
    };
    const error = { code: 'DEVICE_DAMAGED' as const, message: 'Cannot trust it', facts: {} };
    const task = aTask({ kind: 'check', subject: 'device disk1', outcome: 'failed', report, error });
    world.core.runs = [aRun({ kind: 'check', job: null, outcome: 'failed', tasks: [task] })];
    await world.run(['device', 'add', 'disk1', '--path', '/backup/disk1']);
    const { code, stdout } = await world.run(['device', 'repair', 'disk1', '--payloads', '--yes']);
    assert.equal(code, 14);
    for (const line of [
      /^Run \d+, repair: failed$/m,
      /^Points +4 points, 1 damaged$/m,
      /^Build on them +5f3a00000000c002 and 1 more: they may have lost the same$/m,
      /^Records +10 records, 10 compared, 1\.00 GiB of payloads$/m,
      /^damage: packs\/00\/00\.pack$/m,
      /^ {2}points: 5f3a00000000c001 and 3 more$/m,
      /^not checked: Bases: they are elsewhere$/m,
      /^done: mark the record$/m,
      /^and 1 more$/m,
    ])
      assert.match(stdout, line);
    assert.equal((await world.run(['device', 'check', 'disk1'])).code, 14);
    assert.equal((await world.run(['device', 'repair', 'disk1'])).code, 2);
    assert.equal((await world.run(['device', 'repair', 'disk1', '--dry-run'])).code, 14);
    assert.deepEqual(
      world.core.calls.filter((call) => /^devices\.(check|repair)/.test(call)),
      [
        'devices.repair {"payloads":true,"dryRun":false}',
        'devices.check {"payloads":false}',
        'devices.repair {"payloads":false,"dryRun":true}',
      ],
    );
  });
});
