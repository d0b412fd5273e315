/** Paths on datastores, `[name] folder/file`, and where the server offers them over HTTPS. */

export interface DatastorePath {
  readonly datastore: string;
  /** With slashes, no leading one. */
  readonly path: string;
}

/** The two parts, or undefined when the text has no datastore in brackets. Names may hold blanks and brackets. */
export function parseDatastorePath(text: string): DatastorePath | undefined {
  const end = text.indexOf('] ');
  if (!text.startsWith('[')) return undefined;
  if (end > 1) return { datastore: text.slice(1, end), path: text.slice(end + 2).replace(/^\/+/, '') };
  return text.length > 2 && text.endsWith(']') ? { datastore: text.slice(1, -1), path: '' } : undefined;
}

/**
 * The address of a datastore file under `/folder`.
 * @param serverUrl - any URL of the server
 * @param datacenterPath - as VmDetails.datacenterPath has it
 */
export function folderUrl(
  serverUrl: string,
  datacenterPath: string,
  datastore: string,
  path: string,
): string {
  const segments = path.split('/').map(encodeURIComponent).join('/');
  const query = `dcPath=${encodeURIComponent(datacenterPath)}&dsName=${encodeURIComponent(datastore)}`;
  return `${new URL(serverUrl).origin}/folder/${segments}?${query}`;
}
