/** Identities as distinct types: a number becomes one in one place only. The values come from the catalog. */

declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** One execution of a job; counts up over the life of a catalog. */
export type RunId = Branded<number, 'RunId'>;

export const runId = (value: number): RunId => value as RunId;
