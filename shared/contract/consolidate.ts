/** What the API says of consolidating: making a full point of a chain on the device. */
import { z } from 'zod';
import { count, id } from './schema.ts';

export const consolidateBody = z.strictObject({
  /** Only says what would be done. */
  dryRun: z.boolean().default(false),
});
export type ConsolidateBody = z.input<typeof consolidateBody>;

export const consolidateView = z.object({
  /** The point that is to be replaced by a full one. */
  savesetId: z.string(),
  vm: z.string(),
  createdAt: z.string(),
  possible: z.boolean(),
  obstacles: z.array(z.string()),
  /** What it is made of, newest first; all but the first stay as they are, and are no longer needed for it. */
  chain: z.array(z.string()),
  /** Points that build on it, directly or not; they will build on the new one. */
  dependents: count,
  /** The run that does it; null in a dry run. */
  runId: id.nullable(),
});
export type ConsolidateView = z.output<typeof consolidateView>;
