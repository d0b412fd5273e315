/**
 * XML to values, as strictly as vCenter: elements in schema order, none undeclared, none missing, every type
 * named by xsi:type known and derived from the declared one, only urn:vim25, no xsi:nil.
 */
import {
  enumValues,
  fieldsOf,
  findMethod,
  isComplex,
  isPrimitive,
  isSubtype,
  type Field,
  type MethodRow,
} from './schema/schema.ts';
import { invalidRequest, SimFault } from './sim-fault.ts';
import { Moref, type Data, type Value } from './values.ts';
import { type XmlElement } from './xml.ts';

const VIM = 'urn:vim25';
const XSI = 'http://www.w3.org/2001/XMLSchema-instance';
const XSD = 'http://www.w3.org/2001/XMLSchema';
const SOAP = 'http://schemas.xmlsoap.org/soap/envelope/';

export interface DecodedCall {
  readonly method: MethodRow;
  readonly target: Moref;
  readonly parameters: Data;
}

/** The one element in the Body. @throws SimFault InvalidRequest */
export function bodyOf(root: XmlElement): XmlElement {
  if (root.name !== 'Envelope' || root.namespace !== SOAP) throw invalidRequest('Not a SOAP 1.1 envelope');
  const body = root.children.at(-1);
  const heads = root.children.slice(0, -1);
  if (heads.length > 1 || heads.some((head) => head.name !== 'Header' || head.namespace !== SOAP)) {
    throw invalidRequest(`Unexpected element tag "${heads[0]!.name}" seen in the envelope`);
  }
  const call = body?.children[0];
  if (body?.name !== 'Body' || body.namespace !== SOAP || call === undefined || body.children.length > 1) {
    throw invalidRequest('The envelope must have a Body with one element');
  }
  return call;
}

/** @throws SimFault InvalidRequest naming the first element that is wrong */
export function decodeCall(call: XmlElement): DecodedCall {
  if (call.namespace !== VIM)
    throw invalidRequest(`Unexpected namespace "${call.namespace}" of method "${call.name}"`);
  const method = findMethod(call.name);
  if (method === undefined) throw invalidRequest(`Unable to resolve WSDL method name "${call.name}"`);
  checkAttributes(call, []);
  const target: Field = { name: '_this', type: 'ManagedObjectReference', required: true, many: false };
  const values = decodeFields(call, [target, ...method.parameters], `method ${method.name}`);
  const self = values['_this'];
  if (!(self instanceof Moref)) throw invalidRequest('Required parameter _this is missing');
  return { method, target: self, parameters: { ...values, $type: method.name } };
}

function decodeFields(parent: XmlElement, fields: readonly Field[], where: string): Record<string, Value> {
  if (parent.text.trim() !== '')
    throw invalidRequest(`Unexpected text in "${parent.name}" while parsing ${where}`);
  const values: Record<string, Value> = {};
  let next = 0;
  for (const field of fields) {
    const found: Value[] = [];
    while (
      next < parent.children.length &&
      parent.children[next]!.name === field.name &&
      (field.many || found.length === 0)
    ) {
      found.push(decodeValue(parent.children[next++]!, field.type));
    }
    if (found.length > 0) values[field.name] = field.many ? found : found[0]!;
    else if (field.required) throw missing(parent.children[next], field, where);
  }
  const extra = parent.children[next];
  if (extra !== undefined) throw unexpected(extra, where);
  return values;
}

function missing(seen: XmlElement | undefined, field: Field, where: string): SimFault {
  if (seen === undefined)
    return invalidRequest(`Required property ${field.name} is missing while parsing ${where}`);
  return invalidRequest(
    `Unexpected element tag "${seen.name}" seen: expected "${field.name}" while parsing ${where}`,
  );
}

const unexpected = (seen: XmlElement, where: string): SimFault =>
  invalidRequest(`Unexpected element tag "${seen.name}" seen while parsing ${where}`);

function decodeValue(element: XmlElement, declared: string): Value {
  if (element.namespace !== VIM)
    throw invalidRequest(`Unexpected namespace "${element.namespace}" of element "${element.name}"`);
  const type = actualType(element, declared);
  if (type === 'ManagedObjectReference') return decodeRef(element);
  checkAttributes(element, []);
  const choices = enumValues(type);
  if (isPrimitive(type) || choices !== undefined || !isComplex(type))
    return decodeSimple(element, type, choices);
  return { ...decodeFields(element, fieldsOf(type), `data object of type vim.${type}`), $type: type };
}

function decodeRef(element: XmlElement): Moref {
  checkAttributes(element, ['type', 'serverGuid']);
  const type = element.attributes.find(
    (attribute) => attribute.name === 'type' && attribute.namespace === '',
  )?.value;
  if (type === undefined || type === '' || element.children.length > 0) {
    throw invalidRequest(`Invalid managed object reference in "${element.name}"`);
  }
  return new Moref(type, element.text.trim());
}

function checkAttributes(element: XmlElement, allowed: readonly string[]): void {
  for (const attribute of element.attributes) {
    const known =
      attribute.namespace === ''
        ? allowed.includes(attribute.name)
        : attribute.namespace === XSI && attribute.name === 'type';
    if (!known) throw invalidRequest(`Unexpected attribute "${attribute.name}" on element "${element.name}"`);
  }
}

function actualType(element: XmlElement, declared: string): string {
  if (element.attributes.some((a) => a.namespace === XSI && a.name === 'nil')) {
    throw invalidRequest(`Element "${element.name}" is nil, which is not allowed`);
  }
  const named = element.attributes.find((a) => a.namespace === XSI && a.name === 'type')?.value;
  if (named === undefined) {
    if (declared === 'anyType')
      throw invalidRequest(`Element "${element.name}" of type anyType names no xsi:type`);
    return declared;
  }
  const [prefix, local] = named.includes(':') ? (named.split(':', 2) as [string, string]) : ['', named];
  const namespace = element.scope.get(prefix);
  const known =
    namespace === XSD
      ? isPrimitive(local)
      : namespace === VIM &&
        (isComplex(local) ||
          local === 'ManagedObjectReference' ||
          enumValues(local) !== undefined ||
          local === declared);
  if (!known)
    throw new SimFault('InvalidType', `Unable to resolve type name "${named}" of element "${element.name}"`, {
      argument: named,
    });
  if (declared !== 'anyType' && local !== declared && !isSubtype(local, declared)) {
    throw new SimFault('InvalidType', `Type "${local}" of element "${element.name}" is not a "${declared}"`, {
      argument: named,
    });
  }
  return local;
}

const INTEGER_BITS: Readonly<Record<string, bigint>> = { byte: 8n, short: 16n, int: 32n, long: 64n };

function decodeSimple(element: XmlElement, type: string, choices: readonly string[] | undefined): Value {
  if (element.children.length > 0) throw unexpected(element.children[0]!, `a value of type ${type}`);
  const text = element.text;
  const bad = (): SimFault =>
    invalidRequest(`Value "${text}" of element "${element.name}" is not a valid ${type}`);
  if (choices !== undefined && !choices.includes(text)) throw bad();
  const bits = INTEGER_BITS[type];
  if (bits !== undefined) {
    if (
      !/^\s*[+-]?\d{1,19}\s*$/.test(text) ||
      BigInt.asIntN(Number(bits), BigInt(text.trim())) !== BigInt(text.trim())
    )
      throw bad();
    return Number(text);
  }
  if (type === 'boolean') {
    if (!['true', 'false', '1', '0'].includes(text.trim())) throw bad();
    return text.trim() === 'true' || text.trim() === '1';
  }
  if (type === 'dateTime') {
    if (Number.isNaN(Date.parse(text))) throw bad();
    return new Date(text);
  }
  return text;
}
