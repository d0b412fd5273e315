/** What registering a server asks a person for: whether a certificate is the right one. */
import { AppError } from '../../shared/base/errors.ts';
import { routes } from '../../shared/contract/routes.ts';
import { callOnce, type Session } from './session.ts';

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
