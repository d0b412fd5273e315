/** The options of a job on the command line, for `job add` and `job edit`, and as the API takes them. */
import { type Argv } from 'yargs';
import { type JobPatch } from '../../shared/contract/api.ts';
import { type RequestedType, requestedTypes } from '../../shared/domain/backup-type.ts';
import { type Consistency, consistencyLevels } from '../../shared/domain/consistency.ts';
import { type TransportChoice, transportChoices } from '../../shared/domain/job.ts';
import { type KeepArgs, keepOptions, policyPatchOf } from './keep-options.ts';
import { wholeNumber } from './options.ts';

export interface JobArgs extends KeepArgs {
  readonly vm: string[] | undefined;
  readonly exclude: string[] | undefined;
  readonly device: string[] | undefined;
  readonly type: RequestedType | undefined;
  readonly maxParallelStreams: number | undefined;
  readonly abm: boolean | undefined;
  readonly cbt: boolean | undefined;
  readonly dropShadowCopies: boolean | undefined;
  readonly excludeSwap: boolean | undefined;
  readonly excludePath: string[] | undefined;
  readonly transport: TransportChoice | undefined;
  readonly consistency: Consistency | undefined;
  readonly consistencyFallback: boolean | undefined;
  readonly keepAll: boolean;
}

const PATTERNS = 'a name, or an inventory path with "/"; * ** ? stand for others';

/** None of them is demanded and none has a default here: the defaults are the contract's. */
export function jobOptions<T>(argv: Argv<T>) {
  return keepOptions(argv, 0)
    .option('keep-all', { type: 'boolean', default: false, describe: 'Keep every point: no rules any more' })
    .option('vm', { type: 'string', array: true, describe: `VMs to back up: ${PATTERNS}` })
    .option('exclude', { type: 'string', array: true, describe: `VMs to leave out: ${PATTERNS}` })
    .option('device', { type: 'string', array: true, describe: 'Devices to write to' })
    .option('type', {
      choices: requestedTypes,
      describe: 'Type of backup; auto: incremental where there is a base (else auto)',
    })
    .option('max-parallel-streams', {
      requiresArg: true,
      coerce: wholeNumber('--max-parallel-streams'),
      describe: 'How many VMs at a time, as far as the devices have streams (number, else 1)',
    })
    .option('abm', { type: 'boolean', describe: 'Leave out what NTFS does not use (else yes; --no-abm)' })
    .option('cbt', { type: 'boolean', describe: 'Use changed block tracking (else yes; --no-cbt)' })
    .option('drop-shadow-copies', {
      type: 'boolean',
      describe:
        'Give shadow copies of the guest up: smaller points, whose shadow copies are broken (else no)',
    })
    .option('exclude-swap', {
      type: 'boolean',
      describe:
        'Leave the content of pagefile.sys, swapfile.sys and hiberfil.sys out of points; wants --abm (else no)',
    })
    .option('exclude-path', {
      type: 'string',
      array: true,
      describe:
        'Leave the content of files and folders of NTFS volumes out: "\\Temp", or "LABEL:\\Temp"; wants --abm',
    })
    .option('transport', { choices: transportChoices, describe: 'How disks are read (else auto)' })
    .option('consistency', {
      choices: consistencyLevels,
      describe: 'What snapshots aim at (else application)',
    })
    .option('consistency-fallback', {
      type: 'boolean',
      describe: 'Rather a weaker snapshot than none (else yes; --no-consistency-fallback)',
    });
}

/** Only what was given. */
export function jobPatchOf(args: JobArgs): JobPatch {
  const options = given({
    type: args.type,
    abm: args.abm,
    cbt: args.cbt,
    dropShadowCopies: args.dropShadowCopies,
    excludeSwap: args.excludeSwap,
    excludePaths: args.excludePath,
    transport: args.transport,
    consistency: args.consistency,
    consistencyFallback: args.consistencyFallback,
  });
  return given({
    vmPatterns: args.vm,
    excludePatterns: args.exclude,
    devices: args.device,
    maxParallelStreams: args.maxParallelStreams,
    retention: policyPatchOf(args),
    options: Object.keys(options).length === 0 ? undefined : options,
  });
}

type Given<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };

function given<T extends object>(values: T): Given<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Given<T>;
}
