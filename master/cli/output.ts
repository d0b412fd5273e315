/**
 * The only writer to the terminal. Results go to stdout, questions, progress and errors to stderr, so that a pipe gets
 * results alone; with `--json` stdout holds one JSON document and an error is one on stderr.
 */
import { type Writable } from 'node:stream';
import { type AppError } from '../../shared/base/errors.ts';
import { redact } from '../../shared/base/log.ts';
import { toWireError } from '../../shared/contract/wire-error.ts';
import { printable } from './format.ts';
import { type Column, renderTable } from './table.ts';

/** What of a terminal's stream is used; a plain stream is one without `isTTY`. */
export type Screen = Writable & {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
};

export interface OutputOptions {
  readonly stdout: Screen;
  readonly stderr: Screen;
  readonly json: boolean;
  /** False when NO_COLOR is set. */
  readonly color: boolean;
}

const DEFAULT_COLUMNS = 100;
const DEFAULT_ROWS = 24;
const DIM = '\u001b[2m';
const RESET = '\u001b[0m';
const CLEAR_LINE = '\u001b[2K';

export class Output {
  readonly json: boolean;
  readonly #stdout: Screen;
  readonly #stderr: Screen;
  readonly #color: boolean;
  #liveLines = 0;

  constructor(options: OutputOptions) {
    this.json = options.json;
    this.#stdout = options.stdout;
    this.#stderr = options.stderr;
    this.#color = options.color;
  }

  /** Whether progress can be redrawn in place. */
  get isLive(): boolean {
    return this.#stderr.isTTY === true && !this.json;
  }

  /** Size of the screen that progress is drawn on. */
  get screen(): { readonly columns: number; readonly rows: number } {
    return { columns: this.#stderr.columns ?? DEFAULT_COLUMNS, rows: this.#stderr.rows ?? DEFAULT_ROWS };
  }

  /** One result: a JSON document of `value`, or what `text` writes. */
  result(value: unknown, text: () => void): void {
    if (this.json) this.#stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
    else text();
  }

  line(text = ''): void {
    if (!this.json) this.#stdout.write(`${printable(text)}\n`);
  }

  table(columns: readonly Column[], rows: readonly (readonly string[])[]): void {
    const width = this.#stdout.isTTY === true ? (this.#stdout.columns ?? DEFAULT_COLUMNS) : undefined;
    this.line(renderTable(columns, rows, width));
  }

  /** Names and values below each other, values aligned. */
  fields(fields: readonly (readonly [string, string])[]): void {
    const width = Math.max(...fields.map(([name]) => name.length));
    for (const [name, value] of fields) this.line(`${name.padEnd(width)}  ${value}`);
  }

  /** Text that help or version asked for, as it is. */
  raw(text: string): void {
    this.#stdout.write(`${text}\n`);
  }

  /** For the person beside the result: what goes on, what was decided. */
  note(text: string): void {
    if (!this.json) this.#stderr.write(`${printable(text)}\n`);
  }

  /** The beginning of a line that the person ends. */
  ask(text: string): void {
    this.#stderr.write(text);
  }

  dim(text: string): string {
    return this.#color && this.isLive ? `${DIM}${text}${RESET}` : text;
  }

  /** Replaces the live lines of the call before; no lines clear them. The lines must not be wider than the screen. */
  live(lines: readonly string[]): void {
    const up = this.#liveLines > 0 ? `\u001b[${this.#liveLines}A\r` : '';
    const surplus = Math.max(0, this.#liveLines - lines.length);
    const text = lines.map((line) => `${CLEAR_LINE}${line}\n`).join('');
    const rest = surplus > 0 ? `${`${CLEAR_LINE}\n`.repeat(surplus)}\u001b[${surplus}A\r` : '';
    this.#liveLines = lines.length;
    this.#stderr.write(`${up}${text}${rest}`);
  }

  /** How every failed command ends. */
  error(error: AppError): void {
    if (this.json) {
      this.#stderr.write(
        `${JSON.stringify({ error: toWireError(error), help: error.help }, undefined, 2)}\n`,
      );
      return;
    }
    this.#stderr.write(`error: ${printable(String(redact(error.message)))}\n  ${error.help}\n`);
  }
}
