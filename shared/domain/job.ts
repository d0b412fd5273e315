/** A job: which VMs of which server go to which devices, and how. */
import { type RequestedType } from './backup-type.ts';
import { type Consistency } from './consistency.ts';
import { type RetentionPolicy } from './retention.ts';

export const transportChoices = ['auto', 'https', 'file'] as const;
export type TransportChoice = (typeof transportChoices)[number];
export type TransportName = Exclude<TransportChoice, 'auto'>;

export interface BackupOptions {
  readonly type: RequestedType;
  /** Active Block Mapping: leave out what NTFS does not use. */
  readonly abm: boolean;
  /** Changed Block Tracking: ask for changed areas, and switch tracking on where it is off. */
  readonly cbt: boolean;
  /** Give shadow copies of the guest up for smaller points; no when left out. */
  readonly dropShadowCopies?: boolean | undefined;
  /** Leave the content of swap and hibernation files out; no when left out. */
  readonly excludeSwap?: boolean | undefined;
  /** Files and folders whose content is left out, as excluded-path.ts reads them; none when left out. */
  readonly excludePaths?: readonly string[] | undefined;
  readonly transport: TransportChoice;
  readonly consistency: Consistency;
  /** Whether a weaker consistency is better than no restore point. */
  readonly consistencyFallback: boolean;
}

export interface Job {
  readonly name: string;
  readonly server: string;
  /** Names or inventory paths with `*`, `**` and `?`; one must match. */
  readonly vmPatterns: readonly string[];
  /** None may match. */
  readonly excludePatterns: readonly string[];
  /** Names of devices; their free streams are the job's streams. */
  readonly devices: readonly string[];
  /** The ceiling of streams at a time; 1 is one VM after another. */
  readonly maxParallelStreams: number;
  readonly options: BackupOptions;
  /** What is kept of its points; everything when left out. */
  readonly retention?: RetentionPolicy | undefined;
}
