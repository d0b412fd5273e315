/** What jobs want of the filter when they say nothing. */
import { type FilterOptions } from '../../worker/filter/file-system.ts';

export const keepAllOptions: FilterOptions = { dropShadowCopies: false };
