/** `blockhouse job …`: which VMs go where, and starting it. */
import { AppError } from '../../../shared/base/errors.ts';
import { type JobView } from '../../../shared/contract/api.ts';
import { policyText } from '../../../shared/domain/retention.ts';
import { routes } from '../../../shared/contract/routes.ts';
import { EXIT_OK } from '../exit-codes.ts';
import { formatCount, NOTHING, plural, yesNo } from '../format.ts';
import { policyOf } from '../keep-options.ts';
import { jobOptions, jobPatchOf } from '../job-options.ts';
import { type CommonArgv, confirmed, yesOption } from '../options.ts';
import { callOnce, type Choose, type Session } from '../session.ts';
import { jobRunCommand } from './job-run.ts';

export function jobCommands(argv: CommonArgv, choose: Choose): CommonArgv {
  const all = [
    addCommand,
    listCommand,
    showCommand,
    editCommand,
    removeCommand,
    jobRunCommand,
    previewCommand,
  ];
  return argv.command('job', 'Manage and start jobs', (group) =>
    all
      .reduce((commands, add) => add(commands, choose), group)
      .demandCommand(
        1,
        'Cannot tell what to do with jobs: name add, list, show, edit, remove, run or preview',
      ),
  );
}

function addCommand(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'add <name>',
    'Define a job',
    (command) =>
      jobOptions(command)
        .positional('name', { type: 'string', demandOption: true, describe: 'Name to call it by' })
        .option('server', {
          type: 'string',
          demandOption: true,
          requiresArg: true,
          describe: 'Server of the VMs',
        })
        .demandOption(['vm', 'device'])
        .example(
          '$0 job add nightly --server vc1 --vm "db*" --device disk1',
          'All VMs whose name begins with db',
        )
        .example(
          '$0 job add all --server vc1 --vm "/DC0/**" --exclude "*-test" --device d1 d2 --max-parallel-streams 4',
          'Four VMs at a time',
        ),
    (args) =>
      choose(async (session) => {
        const patch = jobPatchOf(args);
        const body = {
          ...patch,
          name: args.name,
          server: args.server,
          vmPatterns: args.vm,
          devices: args.device,
          retention: policyOf(args),
        };
        const job = await callOnce(session, routes.addJob, { body });
        session.output.result(job, () => session.output.line(`Job "${job.name}" is defined`));
        return EXIT_OK;
      }),
  );
}

function listCommand(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'list',
    'List the jobs',
    (command) => command.example('$0 job list', ''),
    () =>
      choose(async (session) => {
        const jobs = await callOnce(session, routes.listJobs, {});
        const columns = [
          { head: 'JOB' },
          { head: 'SERVER' },
          { head: 'VMS' },
          { head: 'DEVICES' },
          { head: 'TYPE' },
          { head: 'STREAMS', align: 'right' as const },
        ];
        session.output.result(jobs, () => session.output.table(columns, jobs.map(listRow)));
        return EXIT_OK;
      }),
  );
}

function listRow(job: JobView): string[] {
  const except = job.excludePatterns.length === 0 ? '' : `, not ${job.excludePatterns.join(', ')}`;
  return [
    job.name,
    job.server,
    `${job.vmPatterns.join(', ')}${except}`,
    job.devices.join(', '),
    job.options.type,
    String(job.maxParallelStreams),
  ];
}

function showCommand(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'show <name>',
    'Show a job',
    (command) =>
      command
        .positional('name', { type: 'string', demandOption: true, describe: 'Job to show' })
        .example('$0 job show nightly', ''),
    (args) =>
      choose(async (session) => {
        const job = await callOnce(session, routes.showJob, { params: { name: args.name } });
        session.output.result(job, () => writeJob(session, job));
        return EXIT_OK;
      }),
  );
}

function writeJob({ output }: Session, job: JobView): void {
  const { options } = job;
  const fallback = options.consistencyFallback ? 'or weaker' : 'or none';
  output.fields([
    ['Job', job.name],
    ['Server', job.server],
    ['VMs', job.vmPatterns.join(', ')],
    ['Left out', job.excludePatterns.join(', ') || NOTHING],
    ['Devices', job.devices.join(', ')],
    ['Parallel streams', `at most ${job.maxParallelStreams}`],
    ['Type', options.type],
    ['Active Block Mapping', yesNo(options.abm)],
    ['Changed block tracking', yesNo(options.cbt)],
    ['Shadow copies', options.dropShadowCopies ? 'given up' : 'kept'],
    ['Swap files', options.excludeSwap ? 'left out' : 'kept'],
    ['Paths left out', options.excludePaths.join(', ') || NOTHING],
    ['Transport', options.transport],
    ['Consistency', `${options.consistency}, ${fallback}`],
    ['Keeps', policyText(job.retention)],
  ]);
}

function editCommand(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'edit <name>',
    'Change what is named of a job, from its next run on',
    (command) =>
      jobOptions(command)
        .positional('name', { type: 'string', demandOption: true, describe: 'Job to change' })
        .example('$0 job edit nightly --max-parallel-streams 2', '')
        .example('$0 job edit nightly --exclude', 'Leave no VM out any more')
        .example("$0 job edit nightly --exclude-path '\\Temp'", 'Leave out what is in that folder')
        .example('$0 job edit nightly --exclude-path', 'Leave no path out any more')
        .example('$0 job edit nightly --keep-daily 14 --keep-weekly 8', 'What `prune` keeps of its points'),
    (args) =>
      choose(async (session) => {
        const body = jobPatchOf(args);
        if (Object.keys(body).length === 0) {
          throw new AppError('USAGE_INVALID', `Cannot edit job "${args.name}": nothing to change was named`);
        }
        const job = await callOnce(session, routes.editJob, { params: { name: args.name }, body });
        session.output.result(job, () => writeJob(session, job));
        return EXIT_OK;
      }),
  );
}

function removeCommand(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'remove <name>',
    'Forget a job that does not run; its restore points stay',
    (command) =>
      yesOption(command)
        .positional('name', { type: 'string', demandOption: true, describe: 'Job to forget' })
        .example('$0 job remove nightly --yes', ''),
    (args) =>
      choose(async (session) => {
        await confirmed(session, args.yes, `remove job "${args.name}"`);
        const done = await callOnce(session, routes.removeJob, { params: { name: args.name } });
        session.output.result(done, () => session.output.line(`Job "${args.name}" is removed`));
        return EXIT_OK;
      }),
  );
}

function previewCommand(argv: CommonArgv, choose: Choose): CommonArgv {
  return argv.command(
    'preview <name>',
    'Show which VMs a run would take now, and which not and why',
    (command) =>
      command
        .positional('name', { type: 'string', demandOption: true, describe: 'Job to look at' })
        .example('$0 job preview nightly', ''),
    (args) => choose((session) => previewJob(session, args.name)),
  );
}

async function previewJob(session: Session, name: string): Promise<number> {
  const { output } = session;
  const selection = await callOnce(session, routes.previewJob, { params: { name } });
  output.result(selection, () => {
    const { selected, leftOut } = selection;
    output.line(`Job "${name}" takes ${plural(selected.length, 'VM')}`);
    const size = { head: 'SIZE', align: 'right' as const };
    const taken = selected.map((vm) => [vm.name, vm.inventoryPath, formatCount(vm.provisionedBytes)]);
    if (taken.length > 0) output.table([{ head: 'VM' }, { head: 'PATH' }, size], taken);
    if (leftOut.length === 0) return;
    output.line();
    output.line(`Left out: ${plural(leftOut.length, 'VM')}`);
    const rows = leftOut.map((vm) => [vm.name, vm.inventoryPath, vm.reason]);
    output.table([{ head: 'VM' }, { head: 'PATH' }, { head: 'REASON' }], rows);
  });
  return EXIT_OK;
}
