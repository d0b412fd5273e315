/** The address of a vCenter or ESXi server: `https://host[:port][/sdk]`, nothing else. */
import { AppError } from '../base/errors.ts';

/**
 * The server's address in full, with the path `/sdk` where none is given.
 * @throws AppError `USAGE_INVALID` for anything but plain https, or with a user name in it
 */
export function parseServerUrl(text: string): URL {
  const refuse = (why: string): AppError =>
    new AppError('USAGE_INVALID', `Cannot use the server address: ${why}`);
  if (!URL.canParse(text)) throw refuse('it is not a URL');
  const url = new URL(text);
  if (url.protocol !== 'https:') throw refuse('it must begin with "https://"');
  if (url.username !== '' || url.password !== '') throw refuse('it must not hold a user name or a password');
  if (url.search !== '' || url.hash !== '') throw refuse('it must not hold a query');
  if (url.pathname === '/') url.pathname = '/sdk';
  return url;
}
