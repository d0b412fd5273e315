/** Points that cannot be restored, as a saveset of their chain is missing. Pure; linear in the number of links. */

export interface LinkSources {
  /** The base of a saveset, null for a full; undefined when the saveset is not there. */
  readonly baseOf: (savesetId: string) => string | null | undefined;
}

/** What each chain lacks, for those of `savesetIds` that lack something. */
export function brokenChains(
  savesetIds: Iterable<string>,
  sources: LinkSources,
): ReadonlyMap<string, string> {
  const known = new Map<string, string | null>();
  const broken = new Map<string, string>();
  for (const savesetId of savesetIds) {
    const missing = missingOf(savesetId, known, sources);
    if (missing !== null) broken.set(savesetId, missing);
  }
  return broken;
}

/** Two savesets that name each other as their base are of no more use than one without. */
function missingOf(
  savesetId: string,
  known: Map<string, string | null>,
  { baseOf }: LinkSources,
): string | null {
  const walked = new Set<string>();
  let missing: string | null = null;
  for (let id: string | null = savesetId; id !== null;) {
    const before = known.get(id);
    const base: string | null | undefined = before === undefined && !walked.has(id) ? baseOf(id) : undefined;
    if (base === undefined) {
      missing = before === undefined ? id : before;
      break;
    }
    walked.add(id);
    id = base;
  }
  for (const id of walked) known.set(id, missing);
  return missing;
}
