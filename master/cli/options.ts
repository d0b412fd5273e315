/** Options that several commands share, and how their texts become values. */
import path from 'node:path';
import { type Argv } from 'yargs';
import { AppError } from '../../shared/base/errors.ts';
import { GiB, MiB, TiB } from '../../shared/base/units.ts';
import { type RunId, runId } from '../../shared/domain/ids.ts';
import { type Session } from './session.ts';

/** What every command takes. */
export interface CommonArgs {
  readonly json: boolean;
  readonly data: string | undefined;
}

export type CommonArgv = Argv<CommonArgs>;

const PAIR = /^([0-9A-Fa-f]{2}):?/;
const FINGERPRINT_PAIRS = 32;

/** A coercion for whole numbers. @throws AppError `USAGE_INVALID` */
export function wholeNumber(option: string, least = 1): (value: unknown) => number | undefined {
  return (value) => {
    if (value === undefined) return undefined;
    const text = typeof value === 'number' || typeof value === 'string' ? String(value) : '';
    if (/^\d{1,15}$/.test(text) && Number(text) >= least) return Number(text);
    throw new AppError(
      'USAGE_INVALID',
      `Cannot use "${text}" for ${option}: it is not a whole number from ${least}`,
    );
  };
}

const DURATION_MS: Readonly<Record<string, number>> = { h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 };

/** A coercion for times like `12h`, `30d`, `4w`, in milliseconds. @throws AppError `USAGE_INVALID` */
export function duration(option: string): (value: unknown) => number | undefined {
  return (value) => {
    if (value === undefined) return undefined;
    const text = typeof value === 'string' ? value : '';
    const [, digits = '', unit = ''] = /^(\d{1,5})([hdw])$/.exec(text) ?? [];
    const unitMs = DURATION_MS[unit];
    if (unitMs !== undefined) return Number(digits) * unitMs;
    throw new AppError('USAGE_INVALID', `Cannot use "${text}" for ${option}: use 12h, 30d or 4w`);
  };
}

const BYTE_UNITS: Readonly<Record<string, number>> = { MiB, GiB, TiB };

/** A coercion for amounts like `500GiB`, in bytes. @throws AppError `USAGE_INVALID` */
export function byteAmount(option: string): (value: unknown) => number | undefined {
  return (value) => {
    if (value === undefined) return undefined;
    const text = typeof value === 'string' ? value : '';
    const [, digits = '', unit = ''] = /^(\d{1,6}(?:\.\d{1,3})?) ?([MGT]iB)$/.exec(text) ?? [];
    const bytes = Math.round(Number(digits) * (BYTE_UNITS[unit] ?? 0));
    if (bytes > 0) return bytes;
    throw new AppError('USAGE_INVALID', `Cannot use "${text}" for ${option}: use 800MiB, 500GiB or 2TiB`);
  };
}

/** A coercion for the number of a run. @throws AppError `USAGE_INVALID` */
export function runNumber(value: unknown): RunId {
  return runId(wholeNumber('the number of a run')(value) ?? 0);
}

/**
 * `https://HOST/sdk` from an address as people write it.
 * @throws AppError `USAGE_INVALID` for another scheme, or no address at all
 */
export function serverUrl(text: string): string {
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `https://${text}`;
  if (!URL.canParse(full))
    throw new AppError('USAGE_INVALID', `Cannot use "${text}" as the address of a server`);
  const url = new URL(full);
  if (url.username !== '' || url.password !== '') {
    throw new AppError('USAGE_INVALID', 'Cannot use an address that holds a user or a password');
  }
  if (url.protocol !== 'https:') {
    throw new AppError('USAGE_INVALID', `Cannot use "${text}" as the address of a server: it is not https`);
  }
  if (url.pathname === '/') url.pathname = '/sdk';
  return url.href;
}

/** 32 pairs with colons in upper case, from hexadecimal digits with or without colons. @throws AppError `USAGE_INVALID` */
export function fingerprint(text: string): string {
  const pairs: string[] = [];
  for (let rest = text.trim(); rest !== '';) {
    const match = PAIR.exec(rest);
    if (match?.[1] === undefined) break;
    pairs.push(match[1].toUpperCase());
    rest = rest.slice(match[0].length);
    if (rest === '' && pairs.length === FINGERPRINT_PAIRS && !match[0].endsWith(':')) return pairs.join(':');
  }
  throw new AppError(
    'USAGE_INVALID',
    `Cannot use "${text}" as a fingerprint: it is not SHA-256 in hexadecimal`,
  );
}

/** `NAME=DIR` texts as a table, folders made absolute. @throws AppError `USAGE_INVALID` */
export function datastorePaths(texts: readonly string[], cwd: string): Record<string, string> {
  const entries = texts.map((text) => {
    const [name = '', ...rest] = text.split('=');
    const folder = rest.join('=');
    if (name !== '' && folder !== '') return [name, path.resolve(cwd, folder)] as const;
    throw new AppError('USAGE_INVALID', `Cannot use "${text}" for --datastore-path: it is not NAME=DIR`);
  });
  return Object.fromEntries(entries);
}

/** Options that only one value makes sense for are given once. @throws AppError `USAGE_INVALID` */
export function refuseRepeated(args: Readonly<Record<string, unknown>>, lists: ReadonlySet<string>): true {
  for (const [name, value] of Object.entries(args)) {
    if (Array.isArray(value) && !lists.has(name)) {
      throw new AppError('USAGE_INVALID', `Cannot use --${name} more than once`);
    }
  }
  return true;
}

export function yesOption<T>(argv: Argv<T>) {
  return argv.option('yes', { type: 'boolean', default: false, describe: 'Do not ask' });
}

/** Goes on only with --yes or a yes at the terminal. @throws AppError `USAGE_UNCONFIRMED`, `CANCELLED` */
export async function confirmed(session: Session, yes: boolean, action: string): Promise<void> {
  if (yes) return;
  if (!session.prompt.canAsk) throw new AppError('USAGE_UNCONFIRMED', `Cannot ${action} without being sure`);
  if (!(await session.prompt.confirm(`Really ${action}?`))) {
    throw new AppError('CANCELLED', `Nothing was changed: "${action}" was not confirmed`);
  }
}
