/**
 * Scripted misbehaviour: rules that match a call by method and object and say what goes wrong, how many times.
 * The first rule that matches and is not used up wins; every hit is counted, so that a test can see it happened.
 */

export interface FaultRule {
  /** A method name, `folder` for file requests, or `*`. */
  readonly method: string;
  /** Name or moref of the machine (also of the snapshot or task called); part of the path for `folder`. */
  readonly object?: string;
  /** How many calls it hits; default 1. */
  readonly count?: number;
  /** How many matching calls pass first; default 0. */
  readonly skip?: number;
  /** A vSphere fault type. */
  readonly fault?: string;
  /** `task`: the call succeeds and its task ends in the fault. Default `call`. */
  readonly at?: 'call' | 'task';
  /** With a task fault on removal: the snapshot leaves the tree but its files stay. */
  readonly orphan?: boolean;
  readonly action?:
    | 'http503-html'
    | 'empty200'
    | 'cut-xml'
    | 'malformed-xml'
    | 'dtd'
    | 'drop'
    | 'delay'
    | 'status'
    | 'cut'
    /** The call is carried out, then the connection drops without an answer. */
    | 'drop-after';
  readonly delayMs?: number;
  /** For `status`. */
  readonly status?: number;
  /** For `cut`: bytes of the body that still go out. */
  readonly afterBytes?: number;
}

export interface RuleState {
  readonly id: number;
  readonly rule: FaultRule;
  readonly hits: number;
}

interface Entry {
  readonly id: number;
  readonly rule: FaultRule;
  seen: number;
  hits: number;
}

export class FaultRules {
  #entries: Entry[] = [];
  #lastId = 0;

  /** @returns the rule's id */
  add(rule: FaultRule): number {
    this.#entries.push({ id: ++this.#lastId, rule, seen: 0, hits: 0 });
    return this.#lastId;
  }

  clear(): void {
    this.#entries = [];
  }

  list(): RuleState[] {
    return this.#entries.map(({ id, rule, hits }) => ({ id, rule, hits }));
  }

  /** Takes one hit of the first rule for this method and any of these names of the object. */
  take(method: string, names: readonly string[], at: 'call' | 'task'): FaultRule | undefined {
    for (const entry of this.#entries) {
      const { rule } = entry;
      if ((rule.method !== '*' && rule.method !== method) || (rule.at ?? 'call') !== at) continue;
      if (rule.object !== undefined && !matches(rule, names)) continue;
      if (entry.seen++ < (rule.skip ?? 0) || entry.hits >= (rule.count ?? 1)) continue;
      entry.hits++;
      return rule;
    }
    return undefined;
  }
}

function matches(rule: FaultRule, names: readonly string[]): boolean {
  const wanted = rule.object!;
  return rule.method === 'folder' ? names.some((name) => name.includes(wanted)) : names.includes(wanted);
}
