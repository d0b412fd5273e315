/** Rebuilding the catalog on demand, one at a time. */
import { AppError } from '../../shared/base/errors.ts';
import { rebuildBody } from '../../shared/contract/rebuild.ts';
import { parse } from '../../shared/contract/schema.ts';
import { type Services } from '../services.ts';
import { type ServiceContext, deviceNamed } from './context.ts';
import { rebuildCatalog } from './rebuild.ts';

export function rebuildService(context: ServiceContext): Services['rebuild'] {
  const { catalog } = context;
  let underWay = false;
  return async (body, signal) => {
    const { devices, dryRun } = parse(rebuildBody, body, 'USAGE_INVALID', 'the request');
    const records =
      devices === undefined
        ? catalog.devices.list()
        : [...new Set(devices)].map((name) => deviceNamed(catalog, name));
    if (underWay) {
      throw new AppError('USAGE_BUSY', 'Cannot rebuild the catalog: it is being rebuilt already');
    }
    underWay = true;
    try {
      return await rebuildCatalog(context, records, { dryRun, withJobs: true }, signal);
    } finally {
      underWay = false;
    }
  };
}
