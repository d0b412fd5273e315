/** The paths that a job leaves out, where they come from outside: each must be one. */
import { z } from 'zod';
import { parseExcludedPath } from '../domain/excluded-path.ts';

const MAX_PATHS = 64;
const MAX_PATH_UNITS = 1024;

export const excludedPaths = z
  .array(z.string().max(MAX_PATH_UNITS).superRefine(check))
  .max(MAX_PATHS)
  .readonly();

function check(text: string, context: z.RefinementCtx): void {
  const path = parseExcludedPath(text);
  if ('problem' in path)
    context.addIssue({ code: 'custom', message: `cannot leave out "${text}": ${path.problem}` });
}
