/** An AppError as JSON and back: across IPC and HTTP, and in the catalog. Causes are kept, secrets are not. */
import { z } from 'zod';
import { AppError, isAppError, toAppError } from '../base/errors.ts';
import { redact } from '../base/log.ts';
import { errorCode } from './schema.ts';

export const factsSchema = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]));

export interface WireError {
  readonly code: z.output<typeof errorCode>;
  readonly message: string;
  readonly facts: z.output<typeof factsSchema>;
  readonly cause?: WireError | undefined;
}

export const wireErrorSchema: z.ZodType<WireError> = z.object({
  code: errorCode,
  message: z.string(),
  facts: factsSchema,
  cause: z.lazy(() => wireErrorSchema.optional()),
});

/** What went otherwise than was asked, and did not end the task. */
export const warning = z.object({ code: errorCode, message: z.string() });

const MAX_CAUSES = 4;

export function toWireError(error: unknown, depth = 0): WireError {
  const known = toAppError(error);
  const cause =
    isAppError(known.cause) && depth < MAX_CAUSES ? toWireError(known.cause, depth + 1) : undefined;
  return {
    code: known.code,
    message: String(redact(known.message)),
    facts: redact(known.facts) as z.output<typeof factsSchema>,
    ...(cause === undefined ? {} : { cause }),
  };
}

export function fromWireError(wire: WireError): AppError {
  return new AppError(
    wire.code,
    wire.message,
    wire.facts,
    wire.cause === undefined ? undefined : fromWireError(wire.cause),
  );
}
