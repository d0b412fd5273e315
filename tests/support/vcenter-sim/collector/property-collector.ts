/**
 * A property collector of a session: its filters, and the versions in which it told the client about changes.
 * The state of the last two versions is kept, so a client that lost an answer may ask with the old version again.
 */
import { encodeAny } from '../encode.ts';
import { type SimObject } from '../model/inventory.ts';
import { fieldsOf } from '../schema/schema.ts';
import { SimFault } from '../sim-fault.ts';
import { isDataValue, type Moref, Typed, type Data, type Value } from '../values.ts';
import { readPath } from './paths.ts';
import { selectObjects, type FindObject } from './select.ts';

/** What a client was told of one object: path to value. */
type Told = ReadonlyMap<string, Typed | undefined>;
type FilterState = ReadonlyMap<SimObject, Told>;
type CollectorState = ReadonlyMap<PropertyFilter, FilterState>;

export class PropertyFilter implements SimObject {
  readonly ref: Moref;
  readonly spec: Data;
  readonly partial: boolean;
  readonly owner: PropertyCollector;

  constructor(ref: Moref, spec: Data, partial: boolean, owner: PropertyCollector) {
    this.ref = ref;
    this.spec = spec;
    this.partial = partial;
    this.owner = owner;
  }

  property(name: string): Value | undefined {
    if (name === 'partialUpdates') return this.partial;
    return name === 'spec' ? this.spec : undefined;
  }
}

export class PropertyCollector implements SimObject {
  readonly ref: Moref;
  readonly filters = new Set<PropertyFilter>();
  /** Fires when the waits of this collector are to end; replaced after each cancel. */
  cancel = new AbortController();
  #version = 0;
  #current: CollectorState = new Map();
  #previous: CollectorState | undefined;

  constructor(ref: Moref) {
    this.ref = ref;
  }

  property(name: string): Value | undefined {
    return name === 'filter' ? [...this.filters].map((filter) => filter.ref) : undefined;
  }

  /**
   * Everything that changed since `version` ('' = from the beginning), or undefined when nothing did.
   * @throws SimFault InvalidCollectorVersion for any version but the last two
   */
  changesSince(version: string, find: FindObject, maxObjects: number): Data | undefined {
    const base = this.#stateAt(version);
    const next = new Map<PropertyFilter, FilterState>();
    const filterSet: Data[] = [];
    let room = maxObjects;
    for (const filter of this.filters) {
      const { updates, state } = compare(filter, base.get(filter) ?? new Map(), find, room);
      next.set(filter, state);
      room -= updates.length;
      if (updates.length > 0)
        filterSet.push({ $type: 'PropertyFilterUpdate', filter: filter.ref, objectSet: updates });
    }
    if (filterSet.length === 0) return undefined;
    this.#previous = base;
    this.#current = next;
    this.#version++;
    return {
      $type: 'UpdateSet',
      version: String(this.#version),
      filterSet,
      ...(room <= 0 ? { truncated: true } : {}),
    };
  }

  #stateAt(version: string): CollectorState {
    if (version === '') return new Map();
    if (version === String(this.#version)) return this.#current;
    if (version === String(this.#version - 1) && this.#previous !== undefined) return this.#previous;
    throw new SimFault(
      'InvalidCollectorVersion',
      `Version "${version}" is not known to the property collector`,
    );
  }
}

function compare(
  filter: PropertyFilter,
  told: FilterState,
  find: FindObject,
  room: number,
): { updates: Data[]; state: FilterState } {
  const state = new Map(told);
  const updates: Data[] = [];
  const selected = selectObjects({ ...filter.spec, reportMissingObjectsInResults: true }, find);
  for (const { object, paths } of selected) {
    if (updates.length >= room) return { updates, state };
    const now: Told = new Map(paths.map((path) => [path, readPath(object, path)]));
    const before = told.get(object);
    const changes = before === undefined ? entered(now) : modified(before, now, filter.partial);
    if (before === undefined || changes.length > 0)
      updates.push(update(before === undefined ? 'enter' : 'modify', object, changes));
    state.set(object, now);
  }
  const present = new Set(selected.map(({ object }) => object));
  for (const object of told.keys()) {
    if (present.has(object) || updates.length >= room) continue;
    updates.push(update('leave', object, []));
    state.delete(object);
  }
  return { updates, state };
}

const update = (kind: string, object: SimObject, changeSet: readonly Data[]): Data => ({
  $type: 'ObjectUpdate',
  kind,
  obj: object.ref,
  ...(changeSet.length > 0 ? { changeSet } : {}),
});

function change(name: string, val: Typed | undefined): Data {
  return { $type: 'PropertyChange', name, op: 'assign', ...(val === undefined ? {} : { val }) };
}

function entered(now: Told): Data[] {
  return [...now].filter(([, value]) => value !== undefined).map(([path, value]) => change(path, value));
}

function modified(before: Told, now: Told, partial: boolean): Data[] {
  return [...now].flatMap(([path, value]) => {
    const old = before.get(path);
    if (textOfTyped(old) === textOfTyped(value)) return [];
    return (partial ? nestedChanges(path, old, value) : undefined) ?? [change(path, value)];
  });
}

/** With partial updates, only the fields of a data object that differ are told, as `info.state`. */
function nestedChanges(path: string, old: Typed | undefined, now: Typed | undefined): Data[] | undefined {
  const [a, b] = [old?.value, now?.value];
  if (!isDataValue(a) || !isDataValue(b) || a.$type !== b.$type) return undefined;
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((name) => name !== '$type');
  return names.flatMap((name) => {
    const [x, y] = [fieldOf(a, name), fieldOf(b, name)];
    return textOfTyped(x) === textOfTyped(y) ? [] : [change(`${path}.${name}`, y)];
  });
}

function fieldOf(from: Data, name: string): Typed | undefined {
  const field = fieldsOf(from.$type).find((each) => each.name === name);
  const value = from[name];
  return field === undefined || value === undefined ? undefined : new Typed(field, value);
}

function textOfTyped(typed: Typed | undefined): string | undefined {
  return typed === undefined ? undefined : encodeAny('val', typed.type, typed.value);
}
