/**
 * Logs: winston, one JSON object a line, one file per process kind. Every line has `kind` (master, worker) and `pid`;
 * run, task, VM and disk are fields of child loggers. Secrets are cut out by field name and by value before a
 * line is made, so that a careless caller cannot leak one.
 */
import path from 'node:path';
import winston from 'winston';
import { isAppError, toAppError } from './errors.ts';

export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** The same log with more fixed fields. */
  child(fields: LogFields): Log;
  /** True when debug lines are written: ask before building costly fields. */
  isDebug(): boolean;
}

const SECRET_NAME = /pass(word|phrase)|secret|token|cookie|authorization|api[-_]?key|session[-_]?id/i;
/** Keys of devices; the keys of disks are numbers. */
const SECRET_KEY = /^(?:master)?key$/i;
const SECRET_TEXT =
  /(vmware_soap_session=)[^;\s"]+|(<password[^>]*>)[^<]*|(Basic |Bearer )[A-Za-z0-9+/=._-]+/gi;
const REDACTED = '[redacted]';
const MAX_DEPTH = 6;

/** A copy of `value` without secrets: fields named like one, and well-known shapes inside texts. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string')
    return value.replace(SECRET_TEXT, (_all, a, b, c) => `${a ?? b ?? c ?? ''}${REDACTED}`);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return '[deep]';
  if (value instanceof Error) return redact(describeError(value), depth + 1);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  const entries = Object.entries(value).map(([name, item]) => [
    name,
    isSecret(name, item) ? REDACTED : redact(item, depth + 1),
  ]);
  return Object.fromEntries(entries);
}

function isSecret(name: string, item: unknown): boolean {
  if (typeof item === 'string' && SECRET_KEY.test(name)) return true;
  return item !== null && SECRET_NAME.test(name);
}

/** Code, message, facts and the chain of causes; the stack only where it is a bug of ours. */
export function describeError(error: unknown): Record<string, unknown> {
  const known = toAppError(error);
  const cause = known.cause;
  return {
    code: known.code,
    message: known.message,
    ...(Object.keys(known.facts).length > 0 ? { facts: known.facts } : {}),
    ...(known.code.startsWith('BUG_') ? { stack: known.stack } : {}),
    ...(cause === undefined ? {} : { cause: isAppError(cause) ? describeError(cause) : plainCause(cause) }),
  };
}

function plainCause(cause: unknown): string {
  return cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
}

export interface LogOptions {
  /** Names the file and the `kind` field: `master`, `worker`. */
  readonly kind: string;
  /** Folder of the log files; without it lines go to stderr. */
  readonly folder?: string;
  readonly level: 'error' | 'warn' | 'info' | 'debug';
}

const MAX_FILE_BYTES = 20 * 1024 * 1024;
const KEPT_FILES = 5;

/** Opens the log of this process. Several workers append whole lines to one file. */
export function openLog(options: LogOptions): Log {
  const transport: winston.transport =
    options.folder === undefined
      ? new winston.transports.Console({ stderrLevels: ['error', 'warn', 'info', 'debug'] })
      : new winston.transports.File({
          filename: path.join(options.folder, `${options.kind}.log`),
          maxsize: MAX_FILE_BYTES,
          maxFiles: KEPT_FILES,
          tailable: true,
        });
  const redactLine = winston.format((line) => Object.assign(line, redact({ ...line })));
  const logger = winston.createLogger({
    level: options.level,
    defaultMeta: { kind: options.kind, pid: process.pid },
    format: winston.format.combine(winston.format.timestamp(), redactLine(), winston.format.json()),
    transports: [transport],
  });
  return wrap(logger);
}

/** A log that keeps nothing, for tools and tests. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLog,
  isDebug: () => false,
};

function wrap(logger: winston.Logger): Log {
  return {
    debug: (message, fields) => void logger.debug(message, fields ?? {}),
    info: (message, fields) => void logger.info(message, fields ?? {}),
    warn: (message, fields) => void logger.warn(message, fields ?? {}),
    error: (message, fields) => void logger.error(message, fields ?? {}),
    child: (fields) => wrap(logger.child({ ...fields })),
    isDebug: () => logger.isDebugEnabled(),
  };
}
