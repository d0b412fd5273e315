/** Restore points: found in the catalog alone; only whether their devices are there now is asked of the devices. */
import { AppError } from '../../shared/base/errors.ts';
import { isoTime } from '../../shared/base/clock.ts';
import { type PointService } from '../services.ts';
import { pointSummary, pointView } from '../views/point-view.ts';
import { type ServiceContext, onlineDevices, pointNamed } from './context.ts';

export function pointService(context: ServiceContext): PointService {
  const { catalog } = context;
  return {
    async list({ before, ...query }) {
      const filter = { ...query, before: before === undefined ? undefined : utc(before) };
      const online = await onlineDevices(context);
      return catalog.savesets.listPoints(filter).map((point) => pointSummary(catalog, online, point));
    },
    async show(idOrPrefix) {
      const point = pointNamed(catalog, idOrPrefix);
      return pointView(catalog, await onlineDevices(context), point);
    },
  };
}

/** Times of the catalog are compared as texts, so any ISO time is brought to the one form. */
function utc(text: string): string {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new AppError('USAGE_INVALID', `Cannot use "${text}" as a time`, { time: text });
  return isoTime(ms);
}
