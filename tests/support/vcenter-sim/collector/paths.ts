/**
 * Property paths such as `config.hardware.device`: checked against the type tables, read from objects.
 */
import { type SimObject } from '../model/inventory.ts';
import { fieldsOf, isComplex, isManaged, propertiesOf, type Field } from '../schema/schema.ts';
import { invalidArgument, SimFault } from '../sim-fault.ts';
import { isDataValue, Typed, type Value } from '../values.ts';

/**
 * Checks that a managed type has the path; below a type that the tables do not know anything goes.
 * @throws SimFault InvalidProperty, InvalidArgument for an unknown managed type
 */
export function checkPath(type: string, path: string): void {
  if (!isManaged(type)) throw invalidArgument('specSet.propSet.type');
  let fields: readonly Field[] | undefined = propertiesOf(type);
  let many = false;
  for (const name of path.split('.')) {
    if (fields === undefined) return;
    const field: Field | undefined = many ? undefined : fields.find((each) => each.name === name);
    if (field === undefined)
      throw new SimFault('InvalidProperty', `Property "${path}" is not one of ${type}`, { name: path });
    many = field.many;
    fields = isComplex(field.type) ? fieldsOf(field.type) : undefined;
  }
}

/** The value at the path with its declared type; undefined when it, or anything on the way, is unset. */
export function readPath(object: SimObject, path: string): Typed | undefined {
  const [first, ...rest] = path.split('.');
  let field = propertiesOf(object.ref.type).find((each) => each.name === first);
  let value = first === undefined ? undefined : object.property(first);
  for (const name of rest) {
    if (!isDataValue(value)) return undefined;
    field = fieldsOf(value.$type).find((each) => each.name === name);
    value = value[name];
  }
  return field === undefined || value === undefined ? undefined : new Typed(field, value);
}

/** A value without its wrapping, for following references. */
export const bareValue = (typed: Typed | undefined): Value | undefined => typed?.value;
