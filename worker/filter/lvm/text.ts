/**
 * The text in which LVM2 keeps its metadata: `name = value` and `name { … }`, where a value is a number, a "string" or a [list]
 * of them, and `#` begins a comment. Anything else is damage; texts, lists and depth are bounded.
 *
 * Source: docs/format/linux.md, section 2.
 */
import { lvmDamage } from './units.ts';

export type Value = string | number | readonly (string | number)[];

export interface Section {
  readonly values: ReadonlyMap<string, Value>;
  readonly sections: ReadonlyMap<string, Section>;
}

const MAX_DEPTH = 8;

/** White space and comments; then a name, a number, a string or a sign. Every repetition is bounded. */
const token =
  /(?:\s|#[^\n]{0,4096}(?:\n|$)){0,4096}(?:(?<word>[A-Za-z_.+][\w.+/-]{0,255})|(?<number>-?\d{1,20}(?:\.\d{1,9})?)|"(?<text>(?:[^"\\]|\\["\\]){0,4096})"|(?<sign>[={}[\],])|(?<end>$))/y;

interface Token {
  readonly kind: 'word' | 'number' | 'text' | 'sign' | 'end';
  readonly text: string;
}

interface Tokens {
  next(): Token;
  /** The next one, without taking it. */
  peek(): Token;
  fail(problem: string): Error;
}

/**
 * Parses all of `text`, which lies at `at` on the disk.
 * @throws AppError `FS_STRUCTURE_INVALID` for what is not of the language, and for a name given twice
 */
export function parseText(text: string, at: number): Section {
  const tokens = tokensOf(text, at);
  return parseSection(tokens, 'end', 0);
}

function tokensOf(text: string, at: number): Tokens {
  const pattern = new RegExp(token);
  const fail = (problem: string): Error => lvmDamage('metadata', problem, at + pattern.lastIndex);
  const read = (): Token => {
    const groups = pattern.exec(text)?.groups;
    for (const kind of ['word', 'number', 'text', 'sign', 'end'] as const) {
      const found = groups?.[kind];
      if (found !== undefined) return { kind, text: found };
    }
    throw fail('it is not text of LVM2');
  };
  let ahead: Token | null = null;
  return {
    next() {
      const taken = ahead ?? read();
      ahead = null;
      return taken;
    },
    peek: () => (ahead ??= read()),
    fail,
  };
}

function parseSection(tokens: Tokens, until: '}' | 'end', depth: number): Section {
  if (depth > MAX_DEPTH) throw tokens.fail('its sections are too deep');
  const values = new Map<string, Value>();
  const sections = new Map<string, Section>();
  for (;;) {
    const name = tokens.next();
    if (name.kind === 'end' ? until === 'end' : name.kind === 'sign' && name.text === until) {
      return { values, sections };
    }
    if (name.kind !== 'word') throw tokens.fail('a name is missing');
    if (values.has(name.text) || sections.has(name.text)) throw tokens.fail(`"${name.text}" is there twice`);
    const sign = tokens.next();
    if (sign.kind === 'sign' && sign.text === '{') {
      sections.set(name.text, parseSection(tokens, '}', depth + 1));
    } else if (sign.kind === 'sign' && sign.text === '=') values.set(name.text, parseValue(tokens));
    else throw tokens.fail(`"${name.text}" has no value`);
  }
}

function parseValue(tokens: Tokens): Value {
  const first = tokens.next();
  if (first.kind !== 'sign' || first.text !== '[') return scalarOf(tokens, first);
  const list: (string | number)[] = [];
  for (;;) {
    const item = tokens.next();
    if (item.kind === 'sign' && item.text === ']') return list;
    list.push(scalarOf(tokens, item));
    const separator = tokens.peek();
    if (separator.kind === 'sign' && separator.text === ',') tokens.next();
    else if (!(separator.kind === 'sign' && separator.text === ']')) throw tokens.fail('a list has no end');
  }
}

function scalarOf(tokens: Tokens, { kind, text }: Token): string | number {
  if (kind === 'text') return text.replaceAll(/\\(["\\])/g, '$1');
  if (kind === 'number') return Number(text);
  throw tokens.fail('a value is missing');
}
