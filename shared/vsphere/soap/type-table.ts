/**
 * The types of our WSDL subset as a table: the order of a type's fields, inherited ones first, what each holds and
 * whether it repeats. The WSDL is the only source; soap has read it already.
 */
import { type WSDL } from 'soap';
import { AppError } from '../../base/errors.ts';

const NAMESPACE = 'urn:vim25';
/** The longest line of inheritance in vim25 is seven types. */
const MAX_ANCESTORS = 16;

export interface Field {
  readonly name: string;
  /** Local name of the type: `string`, `long`, `ManagedObjectReference`, `VirtualDevice`. */
  readonly type: string;
  readonly many: boolean;
}

export interface TypeTable {
  /** The type of a method's parameters, or undefined when the subset has no such method. */
  requestTypeOf(method: string): string | undefined;
  /** The fields in schema order, or undefined when the subset has no such type. */
  fieldsOf(type: string): readonly Field[] | undefined;
}

/** What soap keeps of one XML element of the WSDL. */
interface Node {
  readonly name?: string;
  readonly $name?: string;
  readonly $type?: string;
  readonly $base?: string;
  readonly $maxOccurs?: string;
  readonly children?: readonly Node[];
}

/** Looks types up in the loaded WSDL, each once. */
export function readTypeTable(wsdl: WSDL): TypeTable {
  const schema = wsdl.definitions.schemas[NAMESPACE];
  const types: Readonly<Record<string, Node>> = schema?.complexTypes ?? {};
  const elements: Readonly<Record<string, Node>> = schema?.elements ?? {};
  const known = new Map<string, readonly Field[]>();
  return {
    requestTypeOf(method) {
      const type = Object.hasOwn(elements, method) ? elements[method]?.$type : undefined;
      return type === undefined ? undefined : localName(type);
    },
    fieldsOf(type) {
      const found = known.get(type);
      if (found !== undefined) return found;
      if (!Object.hasOwn(types, type)) return undefined;
      const fields = collectFields(types, type);
      known.set(type, fields);
      return fields;
    },
  };
}

function collectFields(types: Readonly<Record<string, Node>>, type: string): readonly Field[] {
  const layers: (readonly Field[])[] = [];
  let next: string | undefined = type;
  while (next !== undefined) {
    const node: Node | undefined = types[next];
    if (node === undefined || layers.length > MAX_ANCESTORS) {
      throw new AppError('BUG_INVARIANT', `Broken invariant: WSDL type "${type}" has no whole ancestry`);
    }
    layers.unshift(ownFields(node));
    next = baseOf(node);
  }
  return layers.flat();
}

function ownFields(node: Node): readonly Field[] {
  return elementsUnder(node).map((element) => ({
    name: element.$name ?? '',
    type: localName(element.$type ?? ''),
    many: element.$maxOccurs === 'unbounded',
  }));
}

function elementsUnder(node: Node): readonly Node[] {
  return (node.children ?? []).flatMap((child) =>
    child.name === 'element' ? [child] : elementsUnder(child),
  );
}

function baseOf(node: Node): string | undefined {
  for (const child of node.children ?? []) {
    if (child.name === 'extension' && child.$base !== undefined) return localName(child.$base);
    const inner = child.name === 'element' ? undefined : baseOf(child);
    if (inner !== undefined) return inner;
  }
  return undefined;
}

/** `vim25:VirtualDisk` without its prefix. */
export function localName(qualified: string): string {
  return qualified.slice(qualified.indexOf(':') + 1);
}
