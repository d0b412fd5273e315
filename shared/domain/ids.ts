/** Identities as distinct types: a TaskId cannot be handed over as a RunId. The values come from the catalog. */

declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** One execution of a job; counts up over the life of a catalog. */
export type RunId = Branded<number, 'RunId'>;
/** One unit of work for one worker: stable over retries. */
export type TaskId = Branded<number, 'TaskId'>;
/** What one attempt stored for one VM: 16 hexadecimal digits, unique over all installations. */
export type SavesetId = Branded<string, 'SavesetId'>;
/** A device's own identity, from its header: survives a new name or path. */
export type DeviceId = Branded<string, 'DeviceId'>;
/** Rises with every attempt of any task; whatever comes under an older one is refused. */
export type FencingToken = Branded<number, 'FencingToken'>;

export const runId = (value: number): RunId => value as RunId;
export const taskId = (value: number): TaskId => value as TaskId;
export const savesetId = (value: string): SavesetId => value as SavesetId;
export const deviceId = (value: string): DeviceId => value as DeviceId;
export const fencingToken = (value: number): FencingToken => value as FencingToken;
