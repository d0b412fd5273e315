/**
 * What a restore point keeps of a VM's configuration: enough to make the VM anew. Devices are kept as the API names
 * them, backings included, each with its `$type`; options whose name or value looks like a secret are left out.
 *
 *   { guestId, guestFullName, version, firmware, annotation, bootOptions, template,
 *     files: { vmPathName … }, cpus, coresPerSocket, memoryMiB, devices: [ { $type, key, … } ],
 *     extraConfig: { key: value }, extraConfigOmitted: [ key ] }
 */
import {
  asRecord,
  type Fields,
  readOptionalRecord,
  readOptionalText,
  readOptionalWhole,
  readRecords,
} from './fields.ts';
import { readDevices } from './virtual-disk.ts';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

const SECRET_KEY = /pass(word|phrase|wd)|secret|token|credential|private[-_.]?key|encryption|userdata/i;
const SECRET_VALUE = /-----BEGIN [A-Z ]*PRIVATE KEY|password\s*[=:]/i;

/** The configuration in the properties that `readVm` asks for. */
export function keptConfiguration(props: Fields): Json {
  const hardware = readOptionalRecord(props, 'config.hardware') ?? {};
  const extra = splitExtraConfig(readRecords(props, 'config.extraConfig'));
  return {
    guestId: readOptionalText(props, 'config.guestId'),
    guestFullName: readOptionalText(props, 'config.guestFullName'),
    version: readOptionalText(props, 'config.version'),
    firmware: readOptionalText(props, 'config.firmware'),
    annotation: readOptionalText(props, 'config.annotation'),
    template: props['config.template'] === true,
    bootOptions: toJson(props['config.bootOptions']),
    files: toJson(props['config.files']),
    cpus: readOptionalWhole(hardware, 'numCPU'),
    coresPerSocket: readOptionalWhole(hardware, 'numCoresPerSocket'),
    memoryMiB: readOptionalWhole(hardware, 'memoryMB'),
    devices: readDevices(hardware).map((device) => toJson(device)),
    extraConfig: extra.kept,
    extraConfigOmitted: extra.omitted,
  };
}

function splitExtraConfig(options: readonly Fields[]): { kept: Record<string, Json>; omitted: string[] } {
  const kept: [string, Json][] = [];
  const omitted: string[] = [];
  for (const option of options) {
    const key = readOptionalText(option, 'key') ?? '';
    const value = toJson(option['value']);
    if (SECRET_KEY.test(key) || (typeof value === 'string' && SECRET_VALUE.test(value))) omitted.push(key);
    else kept.push([key, value]);
  }
  return { kept: Object.fromEntries(kept), omitted };
}

/** A decoded value as JSON; what is neither is left out. */
function toJson(value: unknown): Json {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  if (Array.isArray(value)) return value.map((item) => toJson(item));
  if (typeof value !== 'object' || value === null) return null;
  const entries = Object.entries(asRecord(value, 'configuration')).map(
    ([name, item]) => [name, toJson(item)] as const,
  );
  return Object.fromEntries(entries);
}
