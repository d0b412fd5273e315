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
  const answer = (question: string): Promise<string> => readLine(keyboard, output, question, signal);
  return {
    canAsk: keyboard.isTTY === true && output.isLive,
    confirm: async (question) => /^y(es)?$/i.test((await answer(`${question} [y/N] `)).trim()),
    secret: (question) => answer(question),
  };
}

/** Line editing without echo: readline writes to nowhere. An answer to a yes/no question needs no echo either. */
async function readLine(
  keyboard: Keyboard,
  output: Output,
  question: string,
  signal: AbortSignal,
): Promise<string> {
  output.ask(question);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: keyboard, output: nowhere, terminal: true });
  const stop = new AbortController();
  lines.on('SIGINT', () => stop.abort());
  lines.on('close', () => stop.abort());
  try {
    return await lines.question('', { signal: AbortSignal.any([stop.signal, signal]) });
  } catch {
    throw cancelled('The question');
  } finally {
    lines.close();
    output.ask('\n');
  }
}
