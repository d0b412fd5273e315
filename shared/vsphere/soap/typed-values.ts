/**
 * Between plain values and what npm soap takes and gives.
 *
 *   plain                                    soap
 *   { type: 'Task', value: 'task-1' }        { $attributes: { type: 'Task' }, $value: 'task-1' }
 *   { $type: 'TraversalSpec', name: 'v' }    { $attributes: { 'xsi:type': 'TraversalSpec' }, name: 'v' }
 *   true in a field of any type              { $attributes: { 'xsi:type': 'xsd:boolean' }, $value: 'true' }
 *   undefined, null                          left out: vim25 has no element that may be nil
 *
 * Fields go out in the order of the schema, those of a subtype named by `$type` too: a real server refuses any other
 * order, and soap sorts only the declared type's. The prefix of an answer's `type` attribute is whatever the server
 * chose, so any attribute that ends in `:type` counts.
 */
import { AppError } from '../../base/errors.ts';
import { isMoref } from '../moref.ts';
import { type Field, localName, type TypeTable } from './type-table.ts';

/** The deepest legal value is a snapshot tree of 32 levels; anything much deeper is an attack. */
const MAX_DEPTH = 100;

const ATTRIBUTES = '$attributes';
const VALUE = '$value';
const XSD = 'http://www.w3.org/2001/XMLSchema';

/**
 * A request value as soap wants it.
 * @throws AppError `BUG_INVARIANT` for a field that the type does not have
 */
export function encodeValue(value: unknown, declaredType: string, types: TypeTable): unknown {
  if (value === null || value === undefined) return undefined;
  if (Array.isArray(value)) return value.map((item) => encodeValue(item, declaredType, types));
  if (declaredType === 'ManagedObjectReference') return encodeMoref(value);
  if (typeof value === 'object') return encodeObject(value, declaredType, types);
  if (declaredType === 'anyType') return encodePrimitive(value);
  return encodeText(value);
}

function encodeMoref(value: unknown): unknown {
  if (!isMoref(value))
    throw new AppError('BUG_INVARIANT', 'Broken invariant: a moref has a type and a value');
  return { [ATTRIBUTES]: { type: value.type }, [VALUE]: value.value };
}

function encodeObject(value: object, declaredType: string, types: TypeTable): unknown {
  const source = value as Readonly<Record<string, unknown>>;
  const type = typeof source['$type'] === 'string' ? source['$type'] : declaredType;
  const fields = types.fieldsOf(type);
  if (fields === undefined)
    throw new AppError('BUG_INVARIANT', `Broken invariant: no type "${type}"`, { type });
  refuseUnknown(source, fields, type);
  const result: Record<string, unknown> = {};
  if (type !== declaredType) result[ATTRIBUTES] = { 'xsi:type': type };
  for (const field of fields) {
    const encoded = encodeValue(source[field.name], field.type, types);
    if (encoded !== undefined) result[field.name] = encoded;
  }
  return result;
}

function refuseUnknown(source: object, fields: readonly Field[], type: string): void {
  for (const name of Object.keys(source)) {
    if (name !== '$type' && !fields.some((field) => field.name === name)) {
      throw new AppError('BUG_INVARIANT', `Broken invariant: type "${type}" has no field "${name}"`);
    }
  }
}

function encodePrimitive(value: unknown): unknown {
  const type = typeof value === 'boolean' ? 'boolean' : typeof value === 'number' ? 'int' : 'string';
  return { [ATTRIBUTES]: { 'xsi:type': `xsd:${type}`, 'xmlns:xsd': XSD }, [VALUE]: String(value) };
}

/** soap lets a text through as it is when it looks like CDATA: such a one is escaped here. */
function encodeText(value: unknown): unknown {
  if (typeof value !== 'string' || !value.startsWith('<![CDATA[')) return value;
  return { $xml: value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;') };
}

/**
 * An answer value as plain JSON: lists of type ArrayOf… are arrays, primitives of any type are typed, an object that
 * names its type keeps it as `$type`.
 * @throws AppError `VSPHERE_ANSWER_INVALID` when it is nested too deeply
 */
export function decodeValue(value: unknown, depth = 0): unknown {
  if (depth > MAX_DEPTH) {
    throw new AppError('VSPHERE_ANSWER_INVALID', 'Cannot read the answer: it is nested too deeply');
  }
  if (Array.isArray(value)) return value.map((item) => decodeValue(item, depth + 1));
  if (typeof value !== 'object' || value === null) return value;
  const source = value as Readonly<Record<string, unknown>>;
  const attributes = (source[ATTRIBUTES] ?? {}) as Readonly<Record<string, unknown>>;
  const type = namedType(attributes);
  const objectType = attributes['type'];
  if (typeof objectType === 'string' && typeof source[VALUE] === 'string') {
    return { type: objectType, value: source[VALUE] };
  }
  if (type !== undefined && PRIMITIVES.has(localName(type))) {
    return decodePrimitive(localName(type), source[VALUE] ?? '');
  }
  if (VALUE in source) return source[VALUE];
  return decodeObject(source, type, depth);
}

function decodeObject(source: object, type: string | undefined, depth: number): unknown {
  const fields = Object.entries(source).filter(([name]) => name !== ATTRIBUTES);
  if (type !== undefined && localName(type).startsWith('ArrayOf')) {
    const items: unknown = fields[0]?.[1] ?? [];
    return (Array.isArray(items) ? items : [items]).map((item) => decodeValue(item, depth + 1));
  }
  const plain = fields.map(([name, item]) => [name, decodeValue(item, depth + 1)] as const);
  return Object.fromEntries(type === undefined ? plain : [['$type', localName(type)] as const, ...plain]);
}

function namedType(attributes: Readonly<Record<string, unknown>>): string | undefined {
  const found = Object.entries(attributes).find(([name]) => name.endsWith(':type'))?.[1];
  return typeof found === 'string' ? found : undefined;
}

const WHOLE = new Set(['int', 'long', 'short', 'byte', 'unsignedInt', 'unsignedLong']);
const FRACTION = new Set(['double', 'float', 'decimal']);
const PRIMITIVES = new Set([
  ...WHOLE,
  ...FRACTION,
  'boolean',
  'string',
  'dateTime',
  'anyURI',
  'base64Binary',
]);

function decodePrimitive(type: string, value: unknown): unknown {
  if (typeof value !== 'string') return value;
  if (type === 'boolean') return value.trim() === 'true' || value.trim() === '1';
  if (WHOLE.has(type)) return wholeNumber(value);
  if (FRACTION.has(type)) return Number(value);
  return value;
}

/** A whole number, or the text itself when a number cannot hold it exactly: whoever reads the field then refuses it. */
export function wholeNumber(text: string): number | string {
  const trimmed = text.trim();
  const value = Number(trimmed);
  return /^[+-]?\d{1,19}$/.test(trimmed) && Number.isSafeInteger(value) ? value : trimmed;
}

/** How soap reads primitives of declared types; dates stay text. */
export const deserializers: Readonly<Record<string, (text: string) => unknown>> = {
  long: wholeNumber,
  int: wholeNumber,
  short: wholeNumber,
  byte: wholeNumber,
  dateTime: (text) => text,
};
