/**
 * A fault as thrown inside the simulator: the vSphere type, its fields, the text that goes out as faultstring.
 */
import { fieldsOf, isSubtype, type Field } from './schema/schema.ts';
import { type Data, type Moref, type Value } from './values.ts';

export class SimFault extends Error {
  readonly detail: Data;
  constructor(type: string, message: string, fields: Readonly<Record<string, Value>> = {}) {
    super(message);
    this.detail = { ...fields, $type: type };
  }
}

export const notAuthenticated = (object: Moref): SimFault =>
  new SimFault('NotAuthenticated', 'The session is not authenticated.', {
    object,
    privilegeId: 'System.View',
  });
export const noPermission = (object: Moref, privilegeId: string): SimFault =>
  new SimFault('NoPermission', 'Permission to perform this operation was denied.', { object, privilegeId });
export const objectGone = (obj: Moref): SimFault =>
  new SimFault(
    'ManagedObjectNotFound',
    `The object 'vim.${obj.type}:${obj.id}' has already been deleted or has not been completely created`,
    { obj },
  );
export const invalidArgument = (invalidProperty: string): SimFault =>
  new SimFault('InvalidArgument', `A specified parameter was not correct: ${invalidProperty}`, {
    invalidProperty,
  });
export const invalidRequest = (message: string): SimFault => new SimFault('InvalidRequest', message);
export const fileFault = (file: string): SimFault =>
  new SimFault('FileFault', `Error caused by file ${file}`, { file });
export const invalidPowerState = (existingState: string): SimFault =>
  new SimFault('InvalidPowerState', 'The attempted operation cannot be performed in the current state.', {
    existingState,
  });
export const taskInProgress = (task: Moref): SimFault =>
  new SimFault('TaskInProgress', 'Another task is already in progress.', { task });

/** A fault scripted by its type name alone, with something in every field that the type requires. */
export function scriptedFault(type: string, object: Moref, file: string): SimFault {
  if (!isSubtype(type, 'MethodFault')) throw new Error(`There is no fault type "${type}" in the simulator`);
  const required = fieldsOf(type).filter((field) => field.required);
  const fields = required.map((field) => [field.name, fillIn(field, object, file)] as const);
  return new SimFault(type, `Scripted fault ${type}`, Object.fromEntries(fields));
}

function fillIn(field: Field, object: Moref, file: string): Value {
  if (field.type === 'ManagedObjectReference') return object;
  if (field.type === 'LocalizedMethodFault')
    return { $type: field.type, fault: { $type: 'NotSupported' }, localizedMessage: 'scripted' };
  if (field.type === 'VirtualMachinePowerState') return 'poweredOff';
  if (field.type === 'int' || field.type === 'long') return 1;
  return field.name === 'file' ? file : 'scripted';
}
