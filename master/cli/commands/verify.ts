/** `blockhouse verify`: proof that restore points can be read, down to their last byte. */
import { formatBytes } from '../../../shared/base/units.ts';
import {
  type VerifyBody,
  type VerifyPlanView,
  type VerifyStarted,
} from '../../../shared/contract/verification.ts';
import { routes } from '../../../shared/contract/routes.ts';
import { EXIT_OK } from '../exit-codes.ts';
import { formatCount, formatTime, NOTHING, plural } from '../format.ts';
import { byteAmount, type CommonArgv, duration, wholeNumber } from '../options.ts';
import { type Output } from '../output.ts';
import { callOnce, type Choose, type Session } from '../session.ts';
import { waitOption, waitOrName } from '../wait-option.ts';

const right = 'right' as const;

export function verifyCommands(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'verify [points..]',
    'Read restore points back and check every byte',
    (command) =>
      waitOption(command)
        .positional('points', { type: 'string', array: true, describe: 'Ids of points, or their beginnings' })
        .option('all', { type: 'boolean', default: false, describe: 'All points that there are' })
        .option('vm', list('Points of VMs with this name (pattern; may be given several times)'))
        .option('job', list('Points of this job (may be given several times)'))
        .option('device', list('Points on this device (may be given several times)'))
        .option('older-than', {
          requiresArg: true,
          coerce: duration('--older-than'),
          describe: 'Only what was not verified for so long (30d, 12h)',
        })
        .option('budget', {
          requiresArg: true,
          coerce: byteAmount('--budget'),
          describe: 'Read about so much and leave the rest for the next time (500GiB)',
        })
        .option('streams', {
          requiresArg: true,
          coerce: wholeNumber('--streams'),
          describe: 'How many points at a time, as devices allow (number, else 1)',
        })
        .option('dry-run', { type: 'boolean', default: false, describe: 'Only say what would be verified' })
        .example('$0 verify 5f3a', 'Ends with 14 when something is damaged')
        .example(
          '$0 verify --older-than 30d --budget 500GiB',
          'Every night: everything at least every 30 days',
        ),
    (args) =>
      choose(async (session) => {
        const body: VerifyBody = {
          points: args.points ?? [],
          all: args.all,
          vms: args.vm ?? [],
          jobs: args.job ?? [],
          devices: args.device ?? [],
          ...(args.olderThan === undefined ? {} : { olderThanMs: args.olderThan }),
          ...(args.budget === undefined ? {} : { budgetBytes: args.budget }),
          ...(args.streams === undefined ? {} : { streams: args.streams }),
        };
        return args.dryRun ? await showPlan(session, body) : await start(session, body, args.wait);
      }),
  );
}

function list(describe: string) {
  return { type: 'string', array: true, requiresArg: true, describe } as const;
}

async function showPlan(session: Session, body: VerifyBody): Promise<number> {
  const plan = await callOnce(session, routes.planVerify, { body });
  session.output.result(plan, () => writePlan(session.output, plan));
  return EXIT_OK;
}

async function start(session: Session, body: VerifyBody, wait: boolean): Promise<number> {
  const { runId, ...totals } = await callOnce(session, routes.verify, { body });
  if (runId === null) {
    session.output.result({ runId, ...totals }, () => {
      session.output.line('Nothing to verify');
      writeLeft(session.output, totals);
    });
    return EXIT_OK;
  }
  if (!session.output.json) writeLeft(session.output, totals);
  return await waitOrName(session, runId, wait);
}

function writePlan(output: Output, plan: VerifyPlanView): void {
  const columns = [
    { head: 'POINT' },
    { head: 'VM' },
    { head: 'CREATED' },
    { head: 'DEVICE' },
    { head: 'VERIFIED' },
    { head: 'READS', align: right },
  ];
  const rows = plan.points.map(({ savesetId, vm, createdAt, device, verifiedAt, readBytes }) => [
    savesetId,
    vm,
    formatTime(createdAt),
    device,
    verifiedAt === null ? NOTHING : formatTime(verifiedAt),
    formatCount(readBytes),
  ]);
  output.table(columns, rows);
  const { points, readBytes } = plan.total;
  output.line(`Verifies ${plural(points, 'point')}, reads at most ${formatBytes(readBytes)}`);
  writeLeft(output, plan);
}

function writeLeft(output: Output, { left, obstacles }: Pick<VerifyStarted, 'left' | 'obstacles'>): void {
  if (left.points > 0) {
    const least = left.isComplete ? '' : 'at least ';
    const amount = `${plural(left.points, 'point')}, ${formatBytes(left.readBytes)}`;
    output.line(`Left for later: ${least}${amount}; ${plural(left.moreRuns, 'more run')} like this one`);
  }
  for (const obstacle of obstacles) output.line(obstacle);
}
