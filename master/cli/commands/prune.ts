/** `blockhouse prune`: deletes what the rules of the jobs do not keep, after it showed what and why. */
import { formatBytes } from '../../../shared/base/units.ts';
import { type PruneBody, type PruneView } from '../../../shared/contract/retention.ts';
import { routes } from '../../../shared/contract/routes.ts';
import { EXIT_FAILED, EXIT_OK, exitOfRun } from '../exit-codes.ts';
import { formatTime, plural } from '../format.ts';
import { keepOptions, policyOf } from '../keep-options.ts';
import { type CommonArgv, confirmed, yesOption } from '../options.ts';
import { writeRunSummary } from '../run-summary.ts';
import { callOnce, type Choose, type Session } from '../session.ts';
import { waitForRun } from '../watch-run.ts';

interface PruneChoice {
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly wait: boolean;
}

export function pruneCommands(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'prune',
    'Delete the restore points that the rules of their jobs do not keep',
    (command) =>
      yesOption(keepOptions(command, 1))
        .option('job', {
          type: 'string',
          array: true,
          requiresArg: true,
          describe: 'Only points of these jobs; a job that was removed must be named, with rules',
        })
        .option('vm', {
          type: 'string',
          array: true,
          requiresArg: true,
          describe: 'Only points of VMs with these names; * and ? stand for others',
        })
        .option('device', {
          type: 'string',
          array: true,
          requiresArg: true,
          describe: 'Only points on these devices',
        })
        .option('dry-run', {
          type: 'boolean',
          default: false,
          describe: 'Show what would be deleted and why',
        })
        .option('wait', {
          type: 'boolean',
          default: true,
          describe: 'Wait until the space is free (--no-wait)',
        })
        .example('$0 prune --dry-run', 'Every point, with the reasons that keep it')
        .example('$0 prune --job old --keep-last 1 --yes', 'Rules in place of those of the job'),
    (args) =>
      choose((session) => {
        const policy = policyOf(args);
        const body = {
          ...(args.job && { jobs: args.job }),
          ...(args.vm && { vms: args.vm }),
          ...(args.device && { devices: args.device }),
          ...(policy && { policy }),
        };
        return prune(session, body, args);
      }),
  );
}

async function prune(session: Session, body: PruneBody, choice: PruneChoice): Promise<number> {
  const { output } = session;
  const planned = await callOnce(session, routes.prune, { body: { ...body, dryRun: true } });
  if (choice.dryRun || planned.totals.deleted === 0) {
    output.result(planned, () => writePlan(session, planned, 'would be deleted'));
    return EXIT_OK;
  }
  writePlan(session, planned, 'to be deleted');
  await confirmed(session, choice.yes, `delete ${plural(planned.totals.deleted, 'restore point')}`);
  const done = await callOnce(session, routes.prune, { body: { ...body, plan: planned.plan } });
  output.result(done, () => writeDone(session, done));
  const code = choice.wait ? await waitForReclaims(session, done) : EXIT_OK;
  return done.failures.length === 0 ? code : EXIT_FAILED;
}

/** The exit code of the first that does not succeed. */
async function waitForReclaims(session: Session, done: PruneView): Promise<number> {
  let code = EXIT_OK;
  for (const { runId } of done.reclaims) {
    if (runId === null) continue;
    const run = await waitForRun(session, runId);
    writeRunSummary(session.output, run, session.clock.nowMs());
    code ||= exitOfRun(run);
  }
  return code;
}

function writePlan({ output }: Session, view: PruneView, what: string): void {
  const columns = [
    { head: 'VM' },
    { head: 'JOB' },
    { head: 'POINT' },
    { head: 'CREATED' },
    { head: 'TYPE' },
    { head: 'STORED', align: 'right' as const },
    { head: 'VERDICT' },
    { head: 'REASONS' },
  ];
  const rows = view.points.map((point) => [
    point.vm,
    point.job,
    point.savesetId,
    formatTime(point.createdAt),
    point.type,
    formatBytes(point.storedBytes),
    point.verdict,
    point.reasons.join('; '),
  ]);
  if (rows.length > 0) output.table(columns, rows);
  const { kept, deleted, storedBytes, unreferencedBytesAtMost } = view.totals;
  if (view.unlisted > 0) output.line(`and ${plural(view.unlisted, 'point')} more`);
  output.line(`${plural(kept, 'point')} kept, ${plural(deleted, 'point')} ${what}`);
  if (deleted === 0) return;
  const most = formatBytes(unreferencedBytesAtMost);
  output.line(`They stored ${formatBytes(storedBytes)}; at most ${most} are needed by nothing else`);
}

function writeDone({ output }: Session, done: PruneView): void {
  const deleted = done.totals.deleted - done.failures.length;
  output.line(`${plural(deleted, 'point')} deleted`);
  for (const { savesetId, vm, reason } of done.failures) {
    output.line(`point ${savesetId} of "${vm}" stays: ${reason}`);
  }
  for (const { device, runId, reason } of done.reclaims) {
    const text =
      runId === null
        ? `the space is not freed yet: ${reason ?? ''}; use "device reclaim ${device}" later`
        : `run ${runId} frees the space`;
    output.line(`device "${device}": ${text}`);
  }
}
