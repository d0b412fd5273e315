/** Passwords that a command takes: from a file, a variable or the terminal, never from the command line itself. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type Argv } from 'yargs';
import { AppError } from '../../shared/base/errors.ts';
import { type Session } from './session.ts';

export interface PasswordOptions {
  readonly passwordFile: string | undefined;
  readonly passwordEnv: string | undefined;
}

/** The two options that name a place of the password. */
export function passwordOptions<T>(argv: Argv<T>) {
  return argv
    .option('password-file', {
      type: 'string',
      requiresArg: true,
      describe: 'File whose first line is the password',
    })
    .option('password-env', {
      type: 'string',
      requiresArg: true,
      describe: 'Variable that holds the password',
    })
    .conflicts('password-file', 'password-env');
}

/** The password that the options name; undefined when they name none. @throws AppError `USAGE_PASSWORD_MISSING` */
export async function givenPassword(
  session: Session,
  { passwordFile, passwordEnv }: PasswordOptions,
): Promise<string | undefined> {
  if (passwordFile !== undefined) return readPasswordFile(path.resolve(session.cwd, passwordFile));
  if (passwordEnv === undefined) return undefined;
  const password = session.env(passwordEnv);
  if (password !== undefined && password !== '') return password;
  throw missing(`Cannot read the password: the variable "${passwordEnv}" is not set`);
}

/** From the file, the variable or the terminal. @throws AppError `USAGE_PASSWORD_MISSING` */
export async function findPassword(
  session: Session,
  source: PasswordOptions,
  question: string,
): Promise<string> {
  const given = await givenPassword(session, source);
  if (given !== undefined) return given;
  if (session.prompt.canAsk) return await session.prompt.secret(`${question}: `);
  throw missing('Cannot go on: no password was given');
}

/** As `findPassword`; at a terminal it is asked for twice. @throws AppError `USAGE_INVALID` when the answers differ */
export async function newPassword(
  session: Session,
  source: PasswordOptions,
  question: string,
): Promise<string> {
  const given = await givenPassword(session, source);
  if (given !== undefined) return given;
  const password = await findPassword(session, source, question);
  const again = await session.prompt.secret('Once more: ');
  if (password !== '' && again === password) return password;
  throw new AppError(
    'USAGE_INVALID',
    password === '' ? 'Cannot use an empty password' : 'Cannot use the password: the two are not the same',
  );
}

/** The first line, so that an editor's last newline does no harm. */
async function readPasswordFile(file: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new AppError('USAGE_PASSWORD_MISSING', `Cannot read the password file "${file}"`, { file }, error);
  }
  const password = text.split(/\r?\n/, 1)[0] ?? '';
  if (password !== '') return password;
  throw missing(`Cannot read the password: the first line of "${file}" is empty`);
}

function missing(message: string): AppError {
  return new AppError('USAGE_PASSWORD_MISSING', message);
}
