/**
 * Every setting of the service: type, default, unit (in the name), range and help. config/default.json,
 * config/config.schema.json and docs/reference/config.md are made from here. Unknown keys are errors.
 */
import { z } from 'zod';
import { parse } from './schema.ts';

const whole = (min: number, max: number) => z.number().int().min(min).max(max);

export const configSchema = z.strictObject({
  logLevel: z
    .enum(['error', 'warn', 'info', 'debug'])
    .default('info')
    .describe('Least important lines that are written to the log files'),
  listenPort: whole(0, 65_535).default(0).describe('Port of the API on 127.0.0.1; 0 lets the system choose'),
  threadsPerStream: whole(0, 64)
    .default(0)
    .describe('Threads of one stream for hashing and compression; 0 shares the processors among the streams'),
  heartbeatMs: whole(100, 60_000).default(2_000).describe('How often a worker shows that it is alive'),
  workerSilenceMs: whole(500, 600_000)
    .default(30_000)
    .describe('A worker that was not heard of for so long is ended and its task is tried again'),
  workerStartMs: whole(1_000, 600_000).default(30_000).describe('How long a worker may take to start'),
  taskAttempts: whole(1, 10).default(3).describe('How often a task is tried before it counts as failed'),
  retryDelayMs: whole(0, 3_600_000).default(5_000).describe('Pause before a failed task is tried again'),
  janitorMs: whole(1_000, 86_400_000)
    .default(300_000)
    .describe('How often left-over snapshots of the ledger are looked for'),
  shutdownMs: whole(0, 3_600_000)
    .default(30_000)
    .describe('How long running tasks may take to stop at shutdown'),
});

export type Config = z.output<typeof configSchema>;

/**
 * The settings with their defaults.
 * @throws AppError `CONFIG_INVALID` naming every setting that is wrong
 */
export function parseConfig(value: unknown): Config {
  return parse(configSchema, value, 'CONFIG_INVALID', 'the configuration');
}
