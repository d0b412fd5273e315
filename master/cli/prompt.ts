/** Questions to the person at the terminal. Where there is no terminal nothing is asked, and the caller must do without. */
import { createInterface } from 'node:readline/promises';
import { type Readable, Writable } from 'node:stream';
import { cancelled } from '../../shared/base/abort.ts';
import { type Output } from './output.ts';

export type Keyboard = Readable & { readonly isTTY?: boolean | undefined };

export interface Prompt {
  /** Whether somebody can answer. */
  readonly canAsk: boolean;
  /** True for `y` or `yes`; anything else is no. */
  confirm(question: string): Promise<boolean>;
  /** What was typed, without showing it. */
  secret(question: string): Promise<string>;
}

export function terminalPrompt(keyboard: Keyboard, output: Output, signal: AbortSignal): Prompt {
  return {
    canAsk: keyboard.isTTY === true && output.isLive,
    async confirm(question) {
      const echo = new Writable({
        write(chunk, _encoding, done) {
          output.ask(String(chunk));
          done();
        },
      });
      const answer = await readLine(keyboard, echo, `${question} [y/N] `, signal);
      return /^y(es)?$/i.test(answer.trim());
    },
    async secret(question) {
      output.ask(question);
      try {
        const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
        return await readLine(keyboard, nowhere, '', signal);
      } finally {
        output.ask('\n');
      }
    },
  };
}

/** One line with line editing; what is typed is shown on `echo`. Ctrl-C and the end of input cancel. */
async function readLine(
  keyboard: Keyboard,
  echo: Writable,
  question: string,
  signal: AbortSignal,
): Promise<string> {
  const lines = createInterface({ input: keyboard, output: echo, terminal: true });
  const stop = new AbortController();
  lines.on('SIGINT', () => stop.abort());
  lines.on('close', () => stop.abort());
  try {
    return await lines.question(question, { signal: AbortSignal.any([stop.signal, signal]) });
  } catch {
    throw cancelled('The question');
  } finally {
    lines.close();
  }
}
