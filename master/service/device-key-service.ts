/** Passwords of encrypted devices. */
import { openLocalStorage } from '../../shared/repository/storage-local.ts';
import { type DeviceKeyService } from '../services.ts';
import { type ServiceContext, deviceNamed } from './context.ts';

export function deviceKeyService({ catalog, keys }: ServiceContext): DeviceKeyService {
  const place = (name: string) => {
    const { path, deviceId } = deviceNamed(catalog, name);
    return [openLocalStorage(path), deviceId] as const;
  };
  return {
    list: async (name) => keys.list(...place(name)),
    add: async (name, { password, label = 'password' }) => keys.add(...place(name), { password, label }),
    remove: async (name, slotId) => keys.remove(...place(name), slotId),
    change: async (name, { password }) => keys.change(...place(name), password),
    unlock: async (name, { password }) => keys.use(...place(name), password),
  };
}
