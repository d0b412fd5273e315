/**
 * One SOAP call from text to text: parse, find session and object, check the privilege, run, encode.
 */
import { decodeCall, bodyOf, type DecodedCall } from './decode.ts';
import { encodeField, encodeFields } from './encode.ts';
import { changeMethods } from './methods/change-methods.ts';
import { finder, type CallContext, type Methods } from './methods/method.ts';
import { propertyMethods } from './methods/property-methods.ts';
import { login, sessionMethods } from './methods/session-methods.ts';
import { viewMethods } from './methods/view-methods.ts';
import { vmMethods } from './methods/vm-methods.ts';
import { type SimObject } from './model/inventory.ts';
import { isManagedSubtype } from './schema/schema.ts';
import { type Session } from './sessions.ts';
import { invalidRequest, noPermission, notAuthenticated, objectGone, type SimFault } from './sim-fault.ts';
import { type Site } from './site.ts';
import { type Value } from './values.ts';
import { escapeXml, parseXml, XmlError } from './xml.ts';

const methods: Methods = {
  ...sessionMethods,
  ...propertyMethods,
  ...viewMethods,
  ...vmMethods,
  ...changeMethods,
};
const WITHOUT_SESSION = new Set(['Login', 'RetrieveServiceContent']);

const privileges: Readonly<Record<string, string>> = {
  ReconfigVM_Task: 'VirtualMachine.Config.ChangeTracking',
  CreateSnapshot_Task: 'VirtualMachine.State.CreateSnapshot',
  CreateSnapshotEx_Task: 'VirtualMachine.State.CreateSnapshot',
  RemoveSnapshot_Task: 'VirtualMachine.State.RemoveSnapshot',
  RemoveAllSnapshots_Task: 'VirtualMachine.State.RemoveSnapshot',
  ConsolidateVMDisks_Task: 'VirtualMachine.State.RemoveSnapshot',
  QueryChangedDiskAreas: 'VirtualMachine.Provisioning.DiskRandomRead',
  PowerOnVM_Task: 'VirtualMachine.Interact.PowerOn',
  PowerOffVM_Task: 'VirtualMachine.Interact.PowerOff',
};

/** Parses an envelope. @throws SimFault InvalidRequest */
export function readEnvelope(text: string): DecodedCall {
  try {
    return decodeCall(bodyOf(parseXml(text)));
  } catch (error) {
    if (error instanceof XmlError) throw invalidRequest(`XML document is not well formed: ${error.message}`);
    throw error;
  }
}

/** The object called, when it exists and the session may see it. */
export const calledObject = (
  site: Site,
  call: DecodedCall,
  session: Session | undefined,
): SimObject | undefined => finder(site, session)(call.target);

/** Runs a call and gives the answer's Body content. @throws SimFault whatever the method ends with */
export async function runCall(
  call: DecodedCall,
  context: Omit<CallContext, 'target' | 'parameters'>,
): Promise<string> {
  const { site, session } = context;
  const { method, target: ref, parameters } = call;
  if (session === undefined && !WITHOUT_SESSION.has(method.name)) throw notAuthenticated(ref);
  const target = calledObject(site, call, session);
  if (target === undefined) throw objectGone(ref);
  if (!isManagedSubtype(target.ref.type, method.receiver)) {
    throw invalidRequest(`Unable to resolve WSDL method name "${method.name}" for vim.${target.ref.type}`);
  }
  const privilege = privileges[method.name];
  if (privilege !== undefined && site.config.deniedPrivileges?.includes(privilege) === true)
    throw noPermission(ref, privilege);
  const result = await invoke(method.name, { ...context, target, parameters });
  return `<${method.name}Response xmlns="urn:vim25">${encodeField('returnval', method.result, result)}</${method.name}Response>`;
}

async function invoke(name: string, context: CallContext): Promise<Value | undefined> {
  if (name === 'Login') return login(context);
  const method = methods[name];
  if (method === undefined) throw invalidRequest(`Unable to resolve WSDL method name "${name}"`);
  const { session } = context;
  if (session === undefined && name !== 'RetrieveServiceContent') throw notAuthenticated(context.target.ref);
  return method({ ...context, session: session! });
}

/** Wraps Body content. */
export function envelope(body: string, xsiPrefix = 'xsi'): string {
  const typed = xsiPrefix === 'xsi' ? body : body.replaceAll(' xsi:type="', ` ${xsiPrefix}:type="`);
  return (
    '<?xml version="1.0" encoding="UTF-8"?>\n<soapenv:Envelope xmlns:soapenc="http://schemas.xmlsoap.org/soap/encoding/" ' +
    'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" ' +
    `xmlns:${xsiPrefix}="http://www.w3.org/2001/XMLSchema-instance">\n<soapenv:Body>\n${typed}\n</soapenv:Body>\n</soapenv:Envelope>`
  );
}

export function faultBody(fault: SimFault): string {
  const type = fault.detail.$type;
  const detail = `<${type}Fault xmlns="urn:vim25" xsi:type="${type}">${encodeFields(fault.detail)}</${type}Fault>`;
  return (
    `<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>${escapeXml(fault.message)}</faultstring>` +
    `<detail>${detail}</detail></soapenv:Fault>`
  );
}
