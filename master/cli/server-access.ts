/** What registering a server asks a person for: the password, and whether a certificate is the right one. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '../../shared/base/errors.ts';
import { routes } from '../../shared/contract/routes.ts';
import { callOnce, type Session } from './session.ts';

export interface PasswordSource {
  readonly user: string;
  readonly passwordFile: string | undefined;
  readonly passwordEnv: string | undefined;
}

/** From the file, the variable or the terminal. @throws AppError `USAGE_PASSWORD_MISSING` */
export async function findPassword(session: Session, source: PasswordSource): Promise<string> {
  if (source.passwordFile !== undefined)
    return await readPasswordFile(path.resolve(session.cwd, source.passwordFile));
  if (source.passwordEnv !== undefined) {
    const password = session.env(source.passwordEnv);
    if (password !== undefined) return password;
    throw new AppError(
      'USAGE_PASSWORD_MISSING',
      `Cannot log in: the variable "${source.passwordEnv}" is not set`,
    );
  }
  if (session.prompt.canAsk) return await session.prompt.secret(`Password of ${source.user}: `);
  throw new AppError('USAGE_PASSWORD_MISSING', 'Cannot log in: no password was given');
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
  throw new AppError('USAGE_PASSWORD_MISSING', `Cannot log in: the first line of "${file}" is empty`, {
    file,
  });
}

/**
 * The fingerprint to pin: none where this host trusts the certificate, else what the person confirms.
 * @throws AppError `AUTH_CERTIFICATE_UNTRUSTED` where nobody can or does confirm it
 */
export async function choosePin(session: Session, name: string, url: string): Promise<string | null> {
  const seen = await callOnce(session, routes.fingerprint, { body: { url } });
  if (seen.trusted) return null;
  if (session.prompt.canAsk) {
    session.output.note(`This host does not trust the certificate of ${url}.`);
    session.output.note(`  SHA-256  ${seen.fingerprint}`);
    if (await session.prompt.confirm('Is that the fingerprint that the server itself shows?'))
      return seen.fingerprint;
  }
  throw new AppError(
    'AUTH_CERTIFICATE_UNTRUSTED',
    `Cannot trust the certificate of server "${name}": its SHA-256 fingerprint is ${seen.fingerprint}`,
    { server: name, url, fingerprint: seen.fingerprint },
  );
}
