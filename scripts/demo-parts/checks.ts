/** What the demo claims, one line each; a claim that does not hold is told at once and again at the end. */
const GREEN = '\u001b[32m';
const RED = '\u001b[31m';
const BOLD = '\u001b[1m';
const PLAIN = '\u001b[0m';

export function say(line = ''): void {
  process.stdout.write(`${line}\n`);
}

export function heading(title: string): void {
  say();
  say(paint(BOLD, `== ${title}`));
}

function paint(colour: string, text: string): string {
  return process.stdout.isTTY ? `${colour}${text}${PLAIN}` : text;
}

export class Checks {
  readonly #failed: string[] = [];
  #count = 0;

  /** Tells whether `claim` holds; `seen` is what was found, and is told either way. */
  that(holds: boolean, claim: string, seen = ''): void {
    this.#count++;
    const line = seen === '' ? claim : `${claim} (${seen})`;
    if (!holds) this.#failed.push(line);
    say(`  ${holds ? paint(GREEN, 'ok') : paint(RED, 'NOT OK')}  ${line}`);
  }

  /** The last line of the demo, and its exit code. */
  conclude(): number {
    say();
    for (const line of this.#failed) say(paint(RED, `failed: ${line}`));
    if (this.#failed.length > 0) {
      say(paint(RED, `demo: ${this.#failed.length} of ${this.#count} checks failed`));
      return 1;
    }
    say(paint(GREEN, `demo: all ${this.#count} checks passed`));
    return 0;
  }
}
