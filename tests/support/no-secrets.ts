/** Secrets of a service that has none. */
import { type Secrets } from '../../master/secrets.ts';

export const noSecrets: Pick<Secrets, 'find' | 'put' | 'remove'> = {
  find: () => undefined,
  put: () => Promise.resolve(),
  remove: () => Promise.resolve(),
};
