/**
 * Values to XML, in schema order. `xsi:type` is written where the value's type differs from the declared one,
 * and always under anyType, as vCenter does. A field without a row in the table is a bug here, so it throws.
 */
import { fieldsOf, isPrimitive, type FieldType } from './schema/schema.ts';
import { isDataValue, isList, Moref, Typed, type Data, type Value } from './values.ts';
import { escapeXml } from './xml.ts';

/** One element, or one per item for a field that may be many. */
export function encodeField(tag: string, field: FieldType, value: Value | undefined): string {
  if (value === undefined) return '';
  if (!field.many) return encodeElement(tag, field.type, value);
  return (isList(value) ? value : [value]).map((item) => encodeElement(tag, field.type, item)).join('');
}

/** A property's `val`: declared anyType, so the type (or ArrayOf type) is always named. */
export function encodeAny(tag: string, type: FieldType, value: Value): string {
  if (!isList(value)) return encodeElement(tag, 'anyType', value, type.type);
  const item = type.type.charAt(0).toUpperCase() + type.type.slice(1);
  const itemTag = isPrimitive(type.type) ? type.type : item;
  const items = value.map((each) => encodeElement(itemTag, type.type, each)).join('');
  return `<${tag} xsi:type="ArrayOf${item}">${items}</${tag}>`;
}

function encodeElement(tag: string, declared: string, value: Value, known?: string): string {
  if (isList(value)) throw new Error(`"${tag}" holds one value, not a list`);
  if (value instanceof Typed) return encodeAny(tag, value.type, value.value);
  if (value instanceof Moref) {
    const named = declared === 'anyType' ? ' xsi:type="ManagedObjectReference"' : '';
    return `<${tag} type="${value.type}"${named}>${escapeXml(value.id)}</${tag}>`;
  }
  if (isDataValue(value)) {
    const named = value.$type === declared ? '' : ` xsi:type="${value.$type}"`;
    return `<${tag}${named}>${encodeFields(value)}</${tag}>`;
  }
  const named = declared === 'anyType' ? ` xsi:type="${simpleType(value, known)}"` : '';
  const text = value instanceof Date ? value.toISOString() : String(value);
  return `<${tag}${named}>${escapeXml(text)}</${tag}>`;
}

function simpleType(value: string | number | boolean | Date, known: string | undefined): string {
  if (known !== undefined && known !== 'anyType') return isPrimitive(known) ? `xsd:${known}` : known;
  if (value instanceof Date) return 'xsd:dateTime';
  if (typeof value === 'number') return 'xsd:int';
  return typeof value === 'boolean' ? 'xsd:boolean' : 'xsd:string';
}

/** The fields of an object in the order of its type. @throws Error for a field that the type does not have */
export function encodeFields(value: Data): string {
  const fields = fieldsOf(value.$type);
  const known = new Set(fields.map((field) => field.name));
  for (const name of Object.keys(value)) {
    if (name !== '$type' && !known.has(name)) throw new Error(`Type "${value.$type}" has no field "${name}"`);
  }
  return fields.map((field) => encodeField(field.name, field, value[field.name])).join('');
}
