/**
 * What every file system gives that the filter can look into: which bytes of a volume nobody needs, and how sure that is. One
 * implementation each in ntfs/, ext/, xfs/ …; active-blocks.ts chooses among them and knows none of their structures.
 *
 * The rule for all: skipping too little costs bytes, skipping too much costs data. A doubt closes a gate, and a closed gate keeps
 * the whole volume.
 */
import { type ExcludedPath } from '../../shared/domain/excluded-path.ts';
import { type ExtentSet } from '../../shared/domain/extent.ts';
import { type VolumeBytes } from './volume-bytes.ts';

/** What the job wants left out beside free space, or given up. */
export interface FilterOptions {
  /** Shadow copies of the guest are not kept: they break, the guest's files do not. */
  readonly dropShadowCopies: boolean;
  /** Files of which only the name and the size are kept; none when left out. */
  readonly exclude?: FileExclusion | undefined;
}

export interface FileExclusion {
  /** What Windows writes its memory to. */
  readonly swap: boolean;
  readonly paths: readonly ExcludedPath[];
}

export interface FilterWarning {
  readonly code:
    | 'FILTER_GATE_CLOSED'
    | 'FS_STRUCTURE_INVALID'
    | 'PARTITION_TABLE_INVALID'
    | 'FILTER_SHADOW_COPIES_DROPPED'
    | 'FILTER_FILES_EXCLUDED';
  readonly message: string;
}

/** Bytes that the file system calls free and that are kept all the same. */
export interface KeptBeyond {
  /** A sentence's worth for the report: `shadow copies of the guest`, `allocated in the open log`. */
  readonly why: string;
  readonly bytes: number;
}

/** What became of a path that the job leaves out. */
export interface ExcludedContent {
  readonly path: string;
  /** Files whose content is left out, and its clusters. */
  readonly files: number;
  readonly bytes: number;
  /** Why nothing, or not all of it, is left out; null when all of it is. */
  readonly kept: string | null;
}

export interface FileSystemFindings {
  /** The name that the first bytes gave, or a better one: `ext4` for `ext`. */
  readonly fileSystem: string;
  readonly label: string | null;
  /** Unit of allocation. */
  readonly clusterBytes: number | null;
  /** As the file system itself counts; null when a gate closed before that was known. */
  readonly usedBytes: number | null;
  readonly freeBytes: number | null;
  /** Bytes of the volume that need not be read, counted from its first one; empty when a gate is closed. */
  readonly free: ExtentSet;
  readonly kept: readonly KeptBeyond[];
  /** By path, as far as the job names any for this volume. */
  readonly excluded?: readonly ExcludedContent[] | undefined;
  readonly gate: string | null;
  readonly reason: string | null;
  /** What the owner of the guest should know although the volume is filtered. */
  readonly warnings?: readonly FilterWarning[];
}

/** Looks into a volume. What it holds is never thrown: only the transport's failures and cancelling are. */
export type ExamineVolume = (bytes: VolumeBytes, options: FilterOptions) => Promise<FileSystemFindings>;
