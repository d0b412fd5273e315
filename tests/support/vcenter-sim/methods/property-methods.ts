/**
 * The property collector's methods: one-time retrieval in pages, filters, waiting for updates.
 */
import { checkFilterSpec, selectObjects, type Selected } from '../collector/select.ts';
import { PropertyCollector, PropertyFilter } from '../collector/property-collector.ts';
import { readPath } from '../collector/paths.ts';
import { type Session } from '../sessions.ts';
import { invalidArgument, SimFault } from '../sim-fault.ts';
import { dataListOf, dataOf, flagOf, Moref, numberOf, textOf, type Data, type Value } from '../values.ts';
import { finder, type Methods, type SessionContext } from './method.ts';

const DEFAULT_PAGE = 100;
const MAX_WAIT_SECONDS = 1800;

const pages = new WeakMap<Session, Map<string, Data[]>>();

function pagesOf(session: Session): Map<string, Data[]> {
  let mine = pages.get(session);
  if (mine === undefined) pages.set(session, (mine = new Map<string, Data[]>()));
  return mine;
}

function retrieve({ site, session, parameters }: SessionContext): Data | undefined {
  const specs = dataListOf(parameters, 'specSet');
  specs.forEach(checkFilterSpec);
  const find = finder(site, session);
  const objects = specs.flatMap((spec) => selectObjects(spec, find)).map(contentOf);
  if (objects.length === 0) return undefined;
  const asked = numberOf(dataOf(parameters, 'options') ?? { $type: 'RetrieveOptions' }, 'maxObjects');
  if (asked !== undefined && asked <= 0) throw invalidArgument('options.maxObjects');
  const limit = site.config.maxObjectsPerPage ?? DEFAULT_PAGE;
  return page(session, objects, Math.min(asked ?? limit, limit));
}

function contentOf({ object, paths }: Selected): Data {
  const propSet = paths.flatMap((name) => {
    const val = readPath(object, name);
    return val === undefined ? [] : [{ $type: 'DynamicProperty', name, val }];
  });
  return { $type: 'ObjectContent', obj: object.ref, propSet };
}

function page(session: Session, objects: readonly Data[], size: number): Data {
  const rest = objects.slice(size);
  const first = objects.slice(0, size);
  if (rest.length === 0) return { $type: 'RetrieveResult', objects: first };
  const token = `${session.newId()}/${String(size)}`;
  pagesOf(session).set(token, rest);
  return { $type: 'RetrieveResult', token, objects: first };
}

function takeToken({ session, parameters }: SessionContext): { token: string; rest: Data[] } {
  const token = textOf(parameters, 'token');
  const rest = pagesOf(session).get(token);
  if (rest === undefined) throw invalidArgument('token');
  pagesOf(session).delete(token);
  return { token, rest };
}

/** The collector that was called: the session's own stands behind the well-known id. */
function collectorOf({ site, session, target }: SessionContext): PropertyCollector {
  if (target instanceof PropertyCollector) return target;
  const key = target.ref.id;
  const mine = session.objects.get(`own ${key}`);
  if (mine instanceof PropertyCollector) return mine;
  const made = new PropertyCollector(target.ref);
  session.objects.set(`own ${key}`, made);
  site.inventory.touch();
  return made;
}

function createFilter(context: SessionContext): Moref {
  const { site, session, parameters } = context;
  const spec = dataOf(parameters, 'spec') ?? { $type: 'PropertyFilterSpec' };
  checkFilterSpec(spec);
  selectObjects(spec, finder(site, session));
  const collector = collectorOf(context);
  const filter = new PropertyFilter(
    new Moref('PropertyFilter', session.newId()),
    spec,
    flagOf(parameters, 'partialUpdates'),
    collector,
  );
  collector.filters.add(filter);
  session.objects.set(filter.ref.id, filter);
  site.inventory.touch();
  return filter.ref;
}

async function waitForUpdates(context: SessionContext): Promise<Value | undefined> {
  const { site, session, parameters } = context;
  const collector = collectorOf(context);
  const options = dataOf(parameters, 'options') ?? { $type: 'WaitOptions' };
  const seconds = numberOf(options, 'maxWaitSeconds') ?? MAX_WAIT_SECONDS;
  const maxObjects = numberOf(options, 'maxObjectUpdates') ?? Number.MAX_SAFE_INTEGER;
  if (seconds < 0) throw invalidArgument('options.maxWaitSeconds');
  if (maxObjects <= 0) throw invalidArgument('options.maxObjectUpdates');
  const endMs = Date.now() + seconds * 1000;
  const cancelled = collector.cancel.signal;
  const signal = AbortSignal.any([context.signal, session.ended.signal, cancelled]);
  for (;;) {
    const seen = site.inventory.revision;
    const changes = collector.changesSince(textOf(parameters, 'version'), finder(site, session), maxObjects);
    if (changes !== undefined) return changes;
    const leftMs = endMs - Date.now();
    if (leftMs <= 0) return undefined;
    await site.inventory.waitPast(seen, leftMs, signal);
    if (cancelled.aborted) throw new SimFault('RequestCanceled', 'The request was canceled by a user.');
    if (signal.aborted) return undefined;
    session.lastActiveMs = Date.now();
  }
}

function cancelWaits(context: SessionContext): undefined {
  const collector = collectorOf(context);
  collector.cancel.abort();
  collector.cancel = new AbortController();
}

function destroyFilter({ session, target }: SessionContext): undefined {
  if (!(target instanceof PropertyFilter)) throw invalidArgument('_this');
  target.owner.filters.delete(target);
  session.objects.delete(target.ref.id);
}

function createCollector({ session }: SessionContext): Moref {
  const collector = new PropertyCollector(new Moref('PropertyCollector', session.newId()));
  session.objects.set(collector.ref.id, collector);
  return collector.ref;
}

function destroyCollector(context: SessionContext): undefined {
  const collector = collectorOf(context);
  collector.cancel.abort();
  for (const filter of collector.filters) context.session.objects.delete(filter.ref.id);
  context.session.objects.delete(collector.ref.id);
}

export const propertyMethods: Methods = {
  RetrievePropertiesEx: retrieve,
  ContinueRetrievePropertiesEx: (context) => {
    const { token, rest } = takeToken(context);
    return page(context.session, rest, Number(token.slice(token.lastIndexOf('/') + 1)));
  },
  CancelRetrievePropertiesEx: (context) => {
    takeToken(context);
    return undefined;
  },
  CreateFilter: createFilter,
  WaitForUpdatesEx: waitForUpdates,
  CancelWaitForUpdates: cancelWaits,
  DestroyPropertyFilter: destroyFilter,
  CreatePropertyCollector: createCollector,
  DestroyPropertyCollector: destroyCollector,
};
