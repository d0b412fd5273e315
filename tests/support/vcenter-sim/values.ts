/**
 * How vSphere values look inside the simulator: plain data with `$type` on objects, and `Moref` for references.
 */
import { type FieldType } from './schema/schema.ts';

/** A reference to a managed object. */
export class Moref {
  readonly type: string;
  readonly id: string;
  constructor(type: string, id: string) {
    this.type = type;
    this.id = id;
  }
}

/** A value under anyType that goes out with the type that its property is declared with. */
export class Typed {
  readonly type: FieldType;
  readonly value: Value;
  constructor(type: FieldType, value: Value) {
    this.type = type;
    this.value = value;
  }
}

export interface Data {
  readonly $type: string;
  readonly [field: string]: Value | undefined;
}
export type Value = string | number | boolean | Date | Moref | Typed | Data | readonly Value[];

export const isList = (value: Value | undefined): value is readonly Value[] => Array.isArray(value);
export const isDataValue = (value: Value | undefined): value is Data =>
  typeof value === 'object' && '$type' in value;

/** The field as a string; '' when unset or of another kind. */
export function textOf(from: Data, field: string): string {
  const value = from[field];
  return typeof value === 'string' ? value : '';
}
export function numberOf(from: Data, field: string): number | undefined {
  const value = from[field];
  return typeof value === 'number' ? value : undefined;
}
export const flagOf = (from: Data, field: string): boolean => from[field] === true;
export function refOf(from: Data, field: string): Moref | undefined {
  const value = from[field];
  return value instanceof Moref ? value : undefined;
}
export function dataOf(from: Data, field: string): Data | undefined {
  const value = from[field];
  return isDataValue(value) ? value : undefined;
}
/** The field's objects; empty when unset. */
export function dataListOf(from: Data, field: string): readonly Data[] {
  const value = from[field];
  return isList(value) ? value.filter(isDataValue) : [];
}
export function textListOf(from: Data, field: string): readonly string[] {
  const value = from[field];
  return isList(value) ? value.filter((item) => typeof item === 'string') : [];
}
export function refListOf(from: Data, field: string): readonly Moref[] {
  const value = from[field];
  return isList(value) ? value.filter((item) => item instanceof Moref) : [];
}
