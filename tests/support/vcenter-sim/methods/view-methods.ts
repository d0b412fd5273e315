/**
 * Container views (always up to date, they end with the session) and the search index.
 */
import { type SimObject } from '../model/inventory.ts';
import { SimCluster, SimDatacenter, SimFolder, SimHost, SimPool } from '../model/places.ts';
import { SimVm } from '../model/sim-vm.ts';
import { isManaged, isManagedSubtype } from '../schema/schema.ts';
import { invalidArgument } from '../sim-fault.ts';
import { flagOf, Moref, refOf, textListOf, textOf, type Value } from '../values.ts';
import { finder, type Methods, type SessionContext } from './method.ts';

class ContainerView implements SimObject {
  readonly ref: Moref;
  readonly #container: SimObject;
  readonly #types: readonly string[];
  readonly #recursive: boolean;

  constructor(ref: Moref, container: SimObject, types: readonly string[], recursive: boolean) {
    this.ref = ref;
    this.#container = container;
    this.#types = types;
    this.#recursive = recursive;
  }

  property(name: string): Value | undefined {
    switch (name) {
      case 'container':
        return this.#container.ref;
      case 'type':
        return this.#types;
      case 'recursive':
        return this.#recursive;
      case 'view':
        return contents(this.#container, this.#recursive)
          .filter((object) => this.#wants(object))
          .map((object) => object.ref);
      default:
        return undefined;
    }
  }

  #wants(object: SimObject): boolean {
    return this.#types.length === 0 || this.#types.some((type) => isManagedSubtype(object.ref.type, type));
  }
}

function childrenOf(object: SimObject): readonly SimObject[] {
  if (object instanceof SimFolder) return object.children;
  if (object instanceof SimDatacenter) return Object.values(object.folders);
  if (object instanceof SimCluster) return [...object.hosts, object.pool];
  if (object instanceof SimHost || object instanceof SimPool) return [...object.users];
  return [];
}

function contents(container: SimObject, recursive: boolean): SimObject[] {
  const found = new Set<SimObject>();
  const walk = (object: SimObject): void => {
    for (const child of childrenOf(object)) {
      if (found.has(child)) continue;
      found.add(child);
      if (recursive && !(child instanceof SimHost) && !(child instanceof SimPool)) walk(child);
    }
  };
  walk(container);
  return [...found];
}

function createView({ site, session, parameters }: SessionContext): Moref {
  const container = finder(site, session)(refOf(parameters, 'container')!);
  const types = textListOf(parameters, 'type');
  if (container === undefined) throw invalidArgument('container');
  if (types.some((type) => !isManaged(type))) throw invalidArgument('type');
  const view = new ContainerView(
    new Moref('ContainerView', session.newId()),
    container,
    types,
    flagOf(parameters, 'recursive'),
  );
  session.objects.set(view.ref.id, view);
  return view.ref;
}

function findByPath({ site, parameters }: SessionContext): Moref | undefined {
  let at: SimObject = site.root;
  for (const part of textOf(parameters, 'inventoryPath')
    .split('/')
    .filter((name) => name !== '')) {
    const name = part.replace(/%2f/gi, '/');
    const next = childrenOf(at).find((child) => child.property('name') === name);
    if (next === undefined) return undefined;
    at = next;
  }
  return at === site.root ? undefined : at.ref;
}

function findByUuid({ site, parameters }: SessionContext): Moref | undefined {
  const wanted = textOf(parameters, 'uuid').toLowerCase();
  if (!flagOf(parameters, 'vmSearch')) return undefined;
  const instance = flagOf(parameters, 'instanceUuid');
  for (const vm of site.vms.values()) {
    if (vm instanceof SimVm && (instance ? vm.facts.instanceUuid : vm.facts.uuid) === wanted) return vm.ref;
  }
  return undefined;
}

export const viewMethods: Methods = {
  CreateContainerView: createView,
  DestroyView: ({ session, target }) => {
    session.objects.delete(target.ref.id);
    return undefined;
  },
  FindByInventoryPath: findByPath,
  FindByUuid: findByUuid,
};
