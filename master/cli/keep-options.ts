/** The rules of retention on the command line, for `job add`, `job edit` and `prune`. */
import { type Argv } from 'yargs';
import { AppError } from '../../shared/base/errors.ts';
import { type RetentionPatch } from '../../shared/contract/retention.ts';
import { type RetentionPolicy, retentionRules } from '../../shared/domain/retention.ts';
import { wholeNumber } from './options.ts';

export interface KeepArgs {
  readonly keepLast: number | undefined;
  readonly keepWithin: string | undefined;
  readonly keepDaily: number | undefined;
  readonly keepWeekly: number | undefined;
  readonly keepMonthly: number | undefined;
  readonly keepYearly: number | undefined;
}

/** @param least - 0 where a rule can be taken away */
export function keepOptions<T>(argv: Argv<T>, least: 0 | 1) {
  const none = least === 0 ? '; 0 takes the rule away' : '';
  const amount = (option: string, describe: string) => ({
    requiresArg: true as const,
    coerce: wholeNumber(`--keep-${option}`, least),
    describe: `${describe} (number${none})`,
  });
  return argv
    .option('keep-last', amount('last', 'Keep the newest points'))
    .option('keep-within', {
      type: 'string',
      requiresArg: true,
      describe: `Keep points that are younger: 12h, 30d, 8w${none}`,
    })
    .option('keep-daily', amount('daily', 'Keep the newest point of each of so many days'))
    .option('keep-weekly', amount('weekly', 'Keep the newest point of each of so many weeks'))
    .option('keep-monthly', amount('monthly', 'Keep the newest point of each of so many months'))
    .option('keep-yearly', amount('yearly', 'Keep the newest point of each of so many years'));
}

/** The rules that were given; undefined when none was. */
export function policyOf(args: KeepArgs): RetentionPolicy | undefined {
  const rules = {
    last: args.keepLast,
    within: args.keepWithin,
    daily: args.keepDaily,
    weekly: args.keepWeekly,
    monthly: args.keepMonthly,
    yearly: args.keepYearly,
  };
  const given = retentionRules.filter((rule) => rules[rule] !== undefined);
  return given.length === 0 ? undefined : Object.fromEntries(given.map((rule) => [rule, rules[rule]]));
}

/**
 * What changes of a job: null for `--keep-all`, undefined for nothing.
 * @throws AppError `USAGE_INVALID` for `--keep-all` with a rule
 */
export function policyPatchOf(
  args: KeepArgs & { readonly keepAll: boolean },
): RetentionPatch | null | undefined {
  const policy = policyOf(args);
  if (policy === undefined) return args.keepAll ? null : undefined;
  if (args.keepAll) {
    throw new AppError('USAGE_INVALID', 'Cannot use --keep-all together with another rule of what is kept');
  }
  const rules = Object.entries(policy).map(([rule, value]) => [rule, isNone(value) ? null : value] as const);
  return Object.fromEntries(rules);
}

function isNone(value: unknown): boolean {
  return value === 0 || value === '0';
}
