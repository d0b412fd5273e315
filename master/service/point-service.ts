/** Restore points: found in the catalog alone; only whether their devices are there now is asked of the devices. */
import { AppError } from '../../shared/base/errors.ts';
import { isoTime } from '../../shared/base/clock.ts';
import { type PointView } from '../../shared/contract/api.ts';
import { consolidateBody } from '../../shared/contract/consolidate.ts';
import { pinBody } from '../../shared/contract/retention.ts';
import { parse } from '../../shared/contract/schema.ts';
import { type SavesetRecord } from '../catalog/saveset-rows.ts';
import { type PointService } from '../services.ts';
import { pointSummary, pointView } from '../views/point-view.ts';
import { consolidate } from './consolidate-service.ts';
import { type ServiceContext, onlineDevices, pointNamed } from './context.ts';
import { pinPoint, unpinPoint } from './point-pins.ts';

export function pointService(context: ServiceContext): PointService {
  const { catalog } = context;
  const show = async (point: SavesetRecord): Promise<PointView> =>
    pointView(catalog, await onlineDevices(context), point);
  return {
    async list({ before, ...query }) {
      const filter = { ...query, before: before === undefined ? undefined : utc(before) };
      const online = await onlineDevices(context);
      return catalog.savesets.listPoints(filter).map((point) => pointSummary(catalog, online, point));
    },
    show: async (idOrPrefix) => show(pointNamed(catalog, idOrPrefix)),
    async pin(idOrPrefix, body) {
      const { note } = parse(pinBody, body, 'USAGE_INVALID', 'the pin');
      const point = pointNamed(catalog, idOrPrefix);
      await pinPoint(context, point, note);
      return show(point);
    },
    async unpin(idOrPrefix) {
      const point = pointNamed(catalog, idOrPrefix);
      await unpinPoint(context, point);
      return show(point);
    },
    consolidate: (idOrPrefix, body) =>
      consolidate(context, idOrPrefix, parse(consolidateBody, body, 'USAGE_INVALID', 'the consolidation')),
  };
}

/** Times of the catalog are compared as texts, so any ISO time is brought to the one form. */
function utc(text: string): string {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new AppError('USAGE_INVALID', `Cannot use "${text}" as a time`, { time: text });
  return isoTime(ms);
}
