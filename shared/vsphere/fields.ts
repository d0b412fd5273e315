/**
 * Reading decoded answers. Nothing that a server sends is trusted: a field of another shape than the schema promises is
 * `VSPHERE_ANSWER_INVALID`, naming the field.
 */
import { AppError } from '../base/errors.ts';
import { isMoref, type Moref } from './moref.ts';

export type Fields = Readonly<Record<string, unknown>>;

function wrong(name: string, wanted: string): AppError {
  return new AppError('VSPHERE_ANSWER_INVALID', `Cannot read the answer: "${name}" is not ${wanted}`, {
    field: name,
  });
}

/** The value as an object. */
export function asRecord(value: unknown, name: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(name, 'an object');
  return value as Fields;
}

/** A field that is an object, or undefined when it is not set. */
export function readOptionalRecord(from: Fields, name: string): Fields | undefined {
  return isUnset(from[name]) ? undefined : asRecord(from[name], name);
}

/** The objects of a field that repeats; none when it is not set. */
export function readRecords(from: Fields, name: string): readonly Fields[] {
  return asList(from[name]).map((item) => asRecord(item, name));
}

/** Whatever repeats as a list. */
export function asList(value: unknown): readonly unknown[] {
  if (isUnset(value)) return [];
  return Array.isArray(value) ? value : [value];
}

export function readText(from: Fields, name: string): string {
  const value = from[name];
  if (typeof value !== 'string') throw wrong(name, 'a text');
  return value;
}

export function readOptionalText(from: Fields, name: string): string | null {
  return isUnset(from[name]) ? null : readText(from, name);
}

/** A whole number that a double holds exactly. */
export function readWhole(from: Fields, name: string): number {
  const value = from[name];
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw wrong(name, 'a whole number');
  return value;
}

export function readOptionalWhole(from: Fields, name: string): number | null {
  return isUnset(from[name]) ? null : readWhole(from, name);
}

/** A byte count or offset: whole, exact, not negative. */
export function readBytes(from: Fields, name: string): number {
  const value = readWhole(from, name);
  if (value < 0) throw wrong(name, 'a byte count');
  return value;
}

export function readOptionalFlag(from: Fields, name: string): boolean | null {
  const value = from[name];
  if (isUnset(value)) return null;
  if (typeof value !== 'boolean') throw wrong(name, 'true or false');
  return value;
}

export function readMoref(from: Fields, name: string): Moref {
  const value = from[name];
  if (!isMoref(value)) throw wrong(name, 'a reference to an object');
  return value;
}

export function readOptionalMoref(from: Fields, name: string): Moref | null {
  return isUnset(from[name]) ? null : readMoref(from, name);
}

function isUnset(value: unknown): boolean {
  return value === undefined || value === null;
}
