/** Lines on stderr that say what is being done; results go to stdout. */
const startedAt = performance.now();

export function say(line: string): void {
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  const clock = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
  process.stderr.write(`[${clock.padStart(6)}] ${line}\n`);
}
