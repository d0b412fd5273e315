/** A managed object's address on its server, as SOAP writes it: `<obj type="VirtualMachine">vm-62</obj>`. */
export interface Moref {
  readonly type: string;
  /** Opaque; means something only to the server that gave it. */
  readonly value: string;
}

export function moref(type: string, value: string): Moref {
  return { type, value };
}

/** True for something shaped like a moref, such as a decoded answer may hold. */
export function isMoref(value: unknown): value is Moref {
  if (typeof value !== 'object' || value === null) return false;
  const known = value as Partial<Record<string, unknown>>;
  return typeof known['type'] === 'string' && typeof known['value'] === 'string';
}
