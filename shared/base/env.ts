/** The only reader of the environment. */

/** The variable's text, or undefined when it is unset or empty. */
export function readEnv(name: string): string | undefined {
  const text = process.env[name];
  return text === undefined || text === '' ? undefined : text;
}
