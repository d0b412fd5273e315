/**
 * Compiles the line tables of this folder into look-ups: types with all their fields (base first), methods,
 * managed object types. The simulator's only knowledge of the schema; nothing here is shared with the client.
 */
import { deviceTypes } from './device-types.ts';
import { faultTypes } from './fault-types.ts';
import { hostTypes } from './host-types.ts';
import { machineTypes } from './machine-types.ts';
import { methodLines } from './method-table.ts';
import { managedLines } from './property-table.ts';
import { queryTypes } from './query-types.ts';

export interface FieldType {
  readonly type: string;
  readonly required: boolean;
  readonly many: boolean;
}
export interface Field extends FieldType {
  readonly name: string;
}
export interface TypeRow {
  readonly name: string;
  readonly base: string;
  /** The type's own fields, without those of its base. */
  readonly own: readonly Field[];
}
export interface MethodRow {
  readonly name: string;
  readonly receiver: string;
  readonly result: FieldType;
  readonly parameters: readonly Field[];
}

/** Enumerations that requests use; a value outside is refused. */
const enums: Readonly<Record<string, readonly string[]>> = {
  VirtualDeviceConfigSpecOperation: ['add', 'remove', 'edit'],
  VirtualDeviceConfigSpecFileOperation: ['create', 'destroy', 'replace'],
  VirtualSCSISharing: ['noSharing', 'virtualSharing', 'physicalSharing'],
  SharesLevel: ['low', 'normal', 'high', 'custom'],
};
const PRIMITIVES = new Set([
  'string',
  'boolean',
  'byte',
  'short',
  'int',
  'long',
  'float',
  'double',
  'dateTime',
  'anyURI',
  'base64Binary',
]);

const typeRows = new Map(
  parseLines(queryTypes + deviceTypes + machineTypes + hostTypes + faultTypes).map((words) => {
    const row: TypeRow = {
      name: words[0]!,
      base: words[1] === '-' ? '' : words[1]!,
      own: words.slice(2).map(parseField),
    };
    return [row.name, row];
  }),
);
const managedRows = new Map(
  parseLines(managedLines).map((words) => {
    const row: TypeRow = {
      name: words[0]!,
      base: words[1] === '-' ? '' : words[1]!,
      own: words.slice(2).map(parseField),
    };
    return [row.name, row];
  }),
);
const methodRows = new Map(
  parseLines(methodLines).map((words) => {
    const row: MethodRow = {
      name: words[0]!,
      receiver: words[1]!,
      result: parseField(`result:${words[2]!.slice(1)}`),
      parameters: words.slice(3).map(parseField),
    };
    return [row.name, row];
  }),
);
const fieldsByType = new Map<string, readonly Field[]>();

function parseLines(text: string): string[][] {
  const joined = text.replace(/\n {2}/g, ' ');
  return joined
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(' '));
}

function parseField(word: string): Field {
  const colon = word.indexOf(':');
  const type = word.slice(colon + 1).replace(/[*?]+$/, '');
  return { name: word.slice(0, colon), type, required: !word.endsWith('?'), many: word.includes('*') };
}

function collect(rows: ReadonlyMap<string, TypeRow>, name: string): readonly Field[] {
  const row = rows.get(name);
  if (row === undefined) return [];
  return [...(row.base === '' ? [] : collect(rows, row.base)), ...row.own];
}

function derives(rows: ReadonlyMap<string, TypeRow>, name: string, base: string): boolean {
  for (let at: string | undefined = name; at !== undefined && at !== ''; at = rows.get(at)?.base) {
    if (at === base) return true;
  }
  return false;
}

export const isPrimitive = (type: string): boolean => PRIMITIVES.has(type);
export const enumValues = (type: string): readonly string[] | undefined => enums[type];
export const isComplex = (type: string): boolean => typeRows.has(type);
export const allTypes = (): readonly TypeRow[] => [...typeRows.values()];
export const allMethods = (): readonly MethodRow[] => [...methodRows.values()];
export const findMethod = (name: string): MethodRow | undefined => methodRows.get(name);
export const isManaged = (type: string): boolean => managedRows.has(type);

/** All fields of a data type, base first; empty for an unknown type. */
export function fieldsOf(type: string): readonly Field[] {
  let fields = fieldsByType.get(type);
  if (fields === undefined) fieldsByType.set(type, (fields = collect(typeRows, type)));
  return fields;
}

/** All properties of a managed object type, base first. */
export const propertiesOf = (type: string): readonly Field[] => collect(managedRows, type);

/** True when `type` is `base` or derived from it. */
export const isSubtype = (type: string, base: string): boolean => derives(typeRows, type, base);
export const isManagedSubtype = (type: string, base: string): boolean => derives(managedRows, type, base);
