/** What the steps of one reclaiming share. */
import { type Clock } from '../../shared/base/clock.ts';
import { type ReclaimReport } from '../../shared/contract/device-report.ts';
import { type Warning } from '../../shared/contract/ipc.ts';
import { type Phase } from '../../shared/domain/task.ts';
import { type OpenDevice } from '../../shared/repository/device.ts';
import { type PhaseWatch } from '../phase-times.ts';
import { type SortFolder } from './sort-folder.ts';

export interface ReclaimContext {
  readonly device: OpenDevice;
  /** The reclaiming itself, which no sweep waits for. */
  readonly attemptId: string;
  readonly dryRun: boolean;
  readonly sparsePercent: number;
  readonly sorts: SortFolder;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly warnings: Warning[];
  /** Length at which a new pack is finished; the usual one unless told. */
  readonly packBytes?: number | undefined;
  readonly watch: PhaseWatch;
  readonly progress: (phase: Phase, what: string, doneBytes: number, totalBytes: number) => void;
  readonly letAlone: (packId: string, reason: string) => void;
}

export type LeftAlone = ReclaimReport['leftAlone'][number];
