/**
 * A small strict XML reader (1.0, namespaces), written for the simulator so that it shares no parser with the
 * client. Refuses document types, unknown entities, duplicate attributes, unbound prefixes and deep nesting.
 */

/** Why a text is not XML that we take; `line` and `column` count from 1. */
export class XmlError extends Error {
  readonly line: number;
  readonly column: number;
  constructor(reason: string, text: string, at: number) {
    const before = text.slice(0, at).split('\n');
    const [line, column] = [before.length, before.at(-1)!.length + 1];
    super(`${reason} at line ${line}, column ${column}`);
    this.line = line;
    this.column = column;
  }
}

export interface XmlAttribute {
  readonly namespace: string;
  readonly name: string;
  readonly value: string;
}
export interface XmlElement {
  readonly namespace: string;
  readonly name: string;
  readonly attributes: readonly XmlAttribute[];
  readonly children: XmlElement[];
  text: string;
  /** Prefix to namespace, as in force here: needed for the prefix inside an `xsi:type` value. */
  readonly scope: ReadonlyMap<string, string>;
}

const MAX_DEPTH = 64;
const NAME = /[A-Za-z_][\w.-]*(?::[A-Za-z_][\w.-]*)?/y;
const ATTRIBUTE = /\s+([A-Za-z_][\w.-]*(?::[A-Za-z_][\w.-]*)?)\s*=\s*(?:"([^"<]*)"|'([^'<]*)')/y;
const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };
const XML_NAMESPACE = 'http://www.w3.org/XML/1998/namespace';

/** Parses a whole document. @throws XmlError when it is not well-formed or holds a document type */
export function parseXml(text: string): XmlElement {
  return new Reader(text).document();
}

/** Text for element content and attribute values. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (c) =>
    c === '&' ? '&amp;' : c === '<' ? '&lt;' : c === '>' ? '&gt;' : '&quot;',
  );
}

interface OpenElement {
  readonly tag: string;
  readonly element: XmlElement;
}

class Reader {
  readonly #text: string;
  #at = 0;
  readonly #open: OpenElement[] = [];
  #root: XmlElement | undefined;

  constructor(text: string) {
    this.#text = text.startsWith('\ufeff') ? text.slice(1) : text;
  }

  document(): XmlElement {
    while (this.#at < this.#text.length) {
      if (this.#text[this.#at] === '<') this.#markup();
      else this.#characters();
    }
    if (this.#open.length > 0 || this.#root === undefined) this.#fail('Unexpected end of document');
    return this.#root;
  }

  #fail(reason: string, at = this.#at): never {
    throw new XmlError(reason, this.#text, at);
  }

  #markup(): void {
    if (this.#startsWith('<!--')) this.#skipPast('-->');
    else if (this.#startsWith('<![CDATA[')) this.#cdata();
    else if (this.#startsWith('<!')) this.#fail('Document types are not allowed');
    else if (this.#startsWith('<?')) this.#skipPast('?>');
    else if (this.#startsWith('</')) this.#close();
    else this.#start();
  }

  #startsWith(what: string): boolean {
    return this.#text.startsWith(what, this.#at);
  }

  #skipPast(end: string): number {
    const found = this.#text.indexOf(end, this.#at);
    if (found < 0) this.#fail('Unexpected end of document');
    this.#at = found + end.length;
    return found;
  }

  #cdata(): void {
    const from = this.#at + '<![CDATA['.length;
    const top = this.#open.at(-1);
    if (top === undefined) this.#fail('Text outside of the root element');
    top.element.text += this.#text.slice(from, this.#skipPast(']]>'));
  }

  #characters(): void {
    const next = this.#text.indexOf('<', this.#at);
    const raw = this.#text.slice(this.#at, next < 0 ? this.#text.length : next);
    const top = this.#open.at(-1);
    if (top !== undefined) top.element.text += this.#unescape(raw);
    else if (raw.trim() !== '') this.#fail('Text outside of the root element');
    this.#at += raw.length;
  }

  #unescape(raw: string): string {
    return raw.replace(/&([^;&\s]{0,12}(;?))/g, (_whole, body: string, end: string) => {
      const name = body.slice(0, -1);
      const code = /^#(?:x([0-9a-fA-F]+)|(\d+))$/.exec(name);
      if (end === ';' && code !== null)
        return this.#character(parseInt(code[1] ?? code[2]!, code[1] ? 16 : 10));
      const known = end === ';' && Object.hasOwn(ENTITIES, name) ? ENTITIES[name] : undefined;
      return known ?? this.#fail(`Unknown entity "&${body}"`);
    });
  }

  #character(code: number): string {
    if (code > 0x10ffff || (code < 0x20 && ![9, 10, 13].includes(code)))
      this.#fail('Invalid character reference');
    return String.fromCodePoint(code);
  }

  #name(): string {
    NAME.lastIndex = this.#at;
    const found = NAME.exec(this.#text);
    if (found === null) this.#fail('Invalid tag name');
    this.#at += found[0].length;
    return found[0];
  }

  #close(): void {
    const start = this.#at;
    this.#at += 2;
    const tag = this.#name();
    this.#skipSpace();
    if (this.#text[this.#at] !== '>') this.#fail('Invalid closing tag');
    this.#at++;
    if (this.#open.pop()?.tag !== tag) this.#fail(`Mismatched closing tag "${tag}"`, start);
  }

  #skipSpace(): void {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at++;
  }

  #start(): void {
    if (this.#open.length === 0 && this.#root !== undefined) this.#fail('Second root element');
    if (this.#open.length >= MAX_DEPTH) this.#fail('Nested too deeply');
    this.#at++;
    const tag = this.#name();
    const raw = this.#attributes();
    this.#skipSpace();
    const empty = this.#startsWith('/>');
    if (!empty && this.#text[this.#at] !== '>') this.#fail(`Invalid tag "${tag}"`);
    this.#at += empty ? 2 : 1;
    const element = this.#build(tag, raw);
    const parent = this.#open.at(-1);
    if (parent === undefined) this.#root = element;
    else parent.element.children.push(element);
    if (!empty) this.#open.push({ tag, element });
  }

  #attributes(): Map<string, string> {
    const found = new Map<string, string>();
    for (;;) {
      ATTRIBUTE.lastIndex = this.#at;
      const match = ATTRIBUTE.exec(this.#text);
      if (match === null) return found;
      if (found.has(match[1]!)) this.#fail(`Attribute "${match[1]!}" given twice`);
      found.set(match[1]!, this.#unescape(match[2] ?? match[3]!));
      this.#at += match[0].length;
    }
  }

  #build(tag: string, raw: ReadonlyMap<string, string>): XmlElement {
    const scope = new Map(this.#open.at(-1)?.element.scope ?? [['xml', XML_NAMESPACE]]);
    for (const [name, value] of raw) {
      if (name === 'xmlns') scope.set('', value);
      else if (name.startsWith('xmlns:')) scope.set(name.slice(6), value);
    }
    const attributes = [...raw]
      .filter(([name]) => name !== 'xmlns' && !name.startsWith('xmlns:'))
      .map(([name, value]) => ({ ...this.#resolve(name, scope, ''), value }));
    return { ...this.#resolve(tag, scope, scope.get('') ?? ''), attributes, children: [], text: '', scope };
  }

  #resolve(
    name: string,
    scope: ReadonlyMap<string, string>,
    without: string,
  ): { namespace: string; name: string } {
    const colon = name.indexOf(':');
    if (colon < 0) return { namespace: without, name };
    const namespace = scope.get(name.slice(0, colon));
    if (namespace === undefined) this.#fail(`Unbound prefix "${name.slice(0, colon)}"`);
    return { namespace, name: name.slice(colon + 1) };
  }
}
