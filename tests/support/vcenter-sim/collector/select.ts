/**
 * Which objects a PropertyFilterSpec means, and which of their properties: traversal with named, recursive
 * selections, as the Web Services SDK Programming Guide describes it ("Using the PropertyCollector").
 */
import { type SimObject } from '../model/inventory.ts';
import { isManaged, isManagedSubtype, propertiesOf } from '../schema/schema.ts';
import { invalidArgument, objectGone } from '../sim-fault.ts';
import { dataListOf, flagOf, isList, Moref, refOf, textListOf, textOf, type Data } from '../values.ts';
import { bareValue, checkPath, readPath } from './paths.ts';

export type FindObject = (ref: Moref) => SimObject | undefined;

export interface Selected {
  readonly object: SimObject;
  readonly paths: readonly string[];
}

/** Checks all names and paths. @throws SimFault InvalidArgument or InvalidProperty */
export function checkFilterSpec(spec: Data): void {
  for (const propSet of dataListOf(spec, 'propSet')) {
    const type = textOf(propSet, 'type');
    if (!isManaged(type)) throw invalidArgument('specSet.propSet.type');
    for (const path of textListOf(propSet, 'pathSet')) checkPath(type, path);
  }
  const named = namedSelections(spec);
  for (const selection of allSelections(spec)) {
    if (selection.$type === 'TraversalSpec') checkPath(textOf(selection, 'type'), textOf(selection, 'path'));
    else if (!named.has(textOf(selection, 'name'))) throw invalidArgument('specSet.objectSet.selectSet.name');
  }
}

/** The objects that the spec selects now, each once, in the order of discovery. @throws SimFault ManagedObjectNotFound */
export function selectObjects(spec: Data, find: FindObject): Selected[] {
  const walk = new Walk(namedSelections(spec), find);
  const lenient = flagOf(spec, 'reportMissingObjectsInResults');
  for (const objectSpec of dataListOf(spec, 'objectSet')) {
    const ref = refOf(objectSpec, 'obj');
    const object = ref === undefined ? undefined : find(ref);
    if (object !== undefined)
      walk.visit(object, flagOf(objectSpec, 'skip'), dataListOf(objectSpec, 'selectSet'));
    else if (ref !== undefined && !lenient) throw objectGone(ref);
  }
  const propSets = dataListOf(spec, 'propSet');
  return [...walk.found].flatMap((object) => {
    const paths = pathsFor(object, propSets);
    return paths === undefined ? [] : [{ object, paths }];
  });
}

function pathsFor(object: SimObject, propSets: readonly Data[]): string[] | undefined {
  const mine = propSets.filter((propSet) => isManagedSubtype(object.ref.type, textOf(propSet, 'type')));
  if (mine.length === 0) return undefined;
  const paths = mine.flatMap((propSet) =>
    flagOf(propSet, 'all')
      ? propertiesOf(object.ref.type).map((field) => field.name)
      : textListOf(propSet, 'pathSet'),
  );
  return [...new Set(paths)];
}

function allSelections(spec: Data): Data[] {
  const below = (from: Data): Data[] =>
    dataListOf(from, 'selectSet').flatMap((each) => [each, ...below(each)]);
  return dataListOf(spec, 'objectSet').flatMap(below);
}

function namedSelections(spec: Data): Map<string, Data> {
  const traversals = allSelections(spec).filter(
    (each) => each.$type === 'TraversalSpec' && textOf(each, 'name') !== '',
  );
  return new Map(traversals.map((each) => [textOf(each, 'name'), each]));
}

class Walk {
  readonly found = new Set<SimObject>();
  readonly #named: ReadonlyMap<string, Data>;
  readonly #find: FindObject;
  readonly #done = new Map<SimObject, Set<Data>>();

  constructor(named: ReadonlyMap<string, Data>, find: FindObject) {
    this.#named = named;
    this.#find = find;
  }

  visit(object: SimObject, skip: boolean, selections: readonly Data[]): void {
    if (!skip) this.found.add(object);
    for (const selection of selections) {
      const traversal =
        selection.$type === 'TraversalSpec' ? selection : this.#named.get(textOf(selection, 'name'));
      if (traversal !== undefined) this.#follow(object, traversal);
    }
  }

  #follow(object: SimObject, traversal: Data): void {
    if (!isManagedSubtype(object.ref.type, textOf(traversal, 'type'))) return;
    const done = this.#done.get(object) ?? new Set<Data>();
    if (done.has(traversal)) return;
    this.#done.set(object, done.add(traversal));
    const value = bareValue(readPath(object, textOf(traversal, 'path')));
    for (const ref of isList(value) ? value : [value]) {
      const next = ref instanceof Moref ? this.#find(ref) : undefined;
      if (next !== undefined) this.visit(next, flagOf(traversal, 'skip'), dataListOf(traversal, 'selectSet'));
    }
  }
}
