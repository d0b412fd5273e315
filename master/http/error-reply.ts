/** Whatever a route throws, as the status and body of docs/protocol/http.md: an AppError by its table row, the rest by its kind. */
import { type z } from 'zod';
import { errorTable } from '../../shared/base/error-table.ts';
import { AppError, toAppError } from '../../shared/base/errors.ts';
import { type errorReply } from '../../shared/contract/api.ts';
import { toWireError } from '../../shared/contract/wire-error.ts';

export interface ErrorReply {
  readonly status: number;
  readonly body: z.output<typeof errorReply>;
}

export function replyTo(error: unknown): ErrorReply {
  const refused = refusalStatus(error);
  if (refused !== undefined) {
    const message = error instanceof Error ? error.message : 'Request refused';
    return reply(new AppError('USAGE_INVALID', `Cannot use the request: ${message}`), refused);
  }
  const known = toAppError(error);
  return reply(known, errorTable[known.code].http);
}

function reply(error: AppError, status: number): ErrorReply {
  return { status, body: { error: toWireError(error), help: error.help } };
}

/** What fastify itself refuses (no JSON, too large, wrong media type) says so with a status below 500. */
function refusalStatus(error: unknown): number | undefined {
  if (!(error instanceof Error) || error instanceof AppError || !('statusCode' in error)) return undefined;
  const status = error.statusCode;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : undefined;
}
