/** What a task that is done for its findings reports, by its kind. */
import { z } from 'zod';
import { deviceReport } from './device-report.ts';
import { vmInspection } from './vm-inspection.ts';

export const taskReport = z.discriminatedUnion('kind', [deviceReport, vmInspection]);
export type TaskReport = z.output<typeof taskReport>;
