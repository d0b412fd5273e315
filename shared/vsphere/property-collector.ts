/** Reading properties of managed objects, in pages. The server leaves out what is unset or not allowed to be seen. */
import { AppError, hasCode } from '../base/errors.ts';
import { asRecord, type Fields, readMoref, readOptionalText, readRecords, readText } from './fields.ts';
import { type Moref } from './moref.ts';
import { type VsphereSession } from './session.ts';

const PAGE_OBJECTS = 100;
/** A million objects: a server that never ends its pages is stopped here. */
const MAX_PAGES = 10_000;
/** How often a reading starts anew because the session was renewed under it. */
const MAX_RESTARTS = 2;

export interface PropertySpec {
  readonly type: string;
  readonly pathSet: readonly string[];
}

export interface ObjectSpec {
  readonly obj: Moref;
  /** True when only what is reached from the object is wanted. */
  readonly skip?: boolean;
  readonly selectSet?: readonly Fields[];
}

export interface ObjectProperties {
  readonly moref: Moref;
  /** By path; a path that is not set is not here. */
  readonly props: Fields;
}

/**
 * The properties of all objects that the specs select.
 * @throws AppError `VSPHERE_NOT_AUTHENTICATED` when the session was renewed meanwhile: start again
 */
export async function retrieveProperties(
  session: VsphereSession,
  propSet: readonly PropertySpec[],
  objectSet: readonly ObjectSpec[],
  signal: AbortSignal,
): Promise<readonly ObjectProperties[]> {
  const collector = { _this: session.content.propertyCollector };
  const options = { signal, idempotent: false };
  const first = { ...collector, specSet: [{ propSet, objectSet }], options: { maxObjects: PAGE_OBJECTS } };
  let answer = await session.call('RetrievePropertiesEx', first, options);
  const found: ObjectProperties[] = [];
  for (let page = 0; page < MAX_PAGES; page++) {
    if (answer === undefined || answer === null) return found;
    const result = asRecord(answer, 'RetrieveResult');
    for (const item of readRecords(result, 'objects')) found.push(readObject(item));
    const token = readOptionalText(result, 'token');
    if (token === null) return found;
    answer = await session.call('ContinueRetrievePropertiesEx', { ...collector, token }, options);
  }
  throw new AppError(
    'VSPHERE_ANSWER_INVALID',
    'Cannot read the inventory: the server sends pages without end',
  );
}

function readObject(item: Fields): ObjectProperties {
  const entries = readRecords(item, 'propSet').map((property) => [
    readText(property, 'name'),
    property['val'],
  ]);
  return { moref: readMoref(item, 'obj'), props: Object.fromEntries(entries) as Fields };
}

/**
 * The named properties of one object.
 * @throws AppError `VSPHERE_OBJECT_GONE` when it does not exist
 */
export async function readObjectProperties(
  session: VsphereSession,
  target: Moref,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<Fields> {
  const found = await overRenewals(() =>
    retrieveProperties(session, [{ type: target.type, pathSet: paths }], [{ obj: target }], signal),
  );
  const object = found.find((item) => item.moref.value === target.value);
  if (object === undefined) {
    throw new AppError('VSPHERE_OBJECT_GONE', `Cannot read "${target.value}": it no longer exists`, {
      object: target.value,
    });
  }
  return object.props;
}

/** Runs `work` again, from its start, when the session was renewed under it. */
export async function overRenewals<T>(work: () => Promise<T>): Promise<T> {
  for (let restarts = 0; ; restarts++) {
    try {
      return await work();
    } catch (error) {
      if (!hasCode(error, 'VSPHERE_NOT_AUTHENTICATED') || restarts >= MAX_RESTARTS) throw error;
    }
  }
}
