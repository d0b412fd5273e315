/** One command line from its words to its exit code. The process around it is master/cli.ts. */
import { cancelled, isCancel } from '../../shared/base/abort.ts';
import { type Clock } from '../../shared/base/clock.ts';
import { type AppError, toAppError } from '../../shared/base/errors.ts';
import { dataFolder, type Surroundings } from './data-folder.ts';
import { EXIT_OK, exitOfError } from './exit-codes.ts';
import { Output, type Screen } from './output.ts';
import { parseCommand } from './parser.ts';
import { type Keyboard, terminalPrompt } from './prompt.ts';
import { type Session } from './session.ts';

export interface World
  extends Surroundings, Pick<Session, 'cwd' | 'clock' | 'signal' | 'serve' | 'inspectDisk'> {
  readonly stdin: Keyboard;
  readonly stdout: Screen;
  readonly stderr: Screen;
  readonly clock: Clock;
}

/** Does what `words` ask for. Never throws: whatever fails is shown, and its exit code returned. */
export async function runCli(words: readonly string[], world: World): Promise<number> {
  // an error in the options themselves must have the right form, too
  let output = openOutput(world, words.includes('--json'));
  try {
    const parsed = await parseCommand(words);
    if (parsed.kind === 'text') {
      output.raw(parsed.text);
      return EXIT_OK;
    }
    output = openOutput(world, parsed.args.json);
    return await parsed.action(openSession(world, output, parsed.args.data));
  } catch (error) {
    const known = asAppError(error);
    if (output.json || known.facts['isTold'] !== true) output.error(known);
    return exitOfError(known);
  }
}

function openSession(world: World, output: Output, data: string | undefined): Session {
  return {
    dataDir: dataFolder(data, world.cwd, world),
    cwd: world.cwd,
    output,
    prompt: terminalPrompt(world.stdin, output, world.signal),
    clock: world.clock,
    signal: world.signal,
    env: (name) => world.env(name),
    serve: (options) => world.serve(options),
    inspectDisk: (order, signal) => world.inspectDisk(order, signal),
  };
}

function openOutput(world: World, json: boolean): Output {
  const color = world.env('NO_COLOR') === undefined;
  return new Output({ stdout: world.stdout, stderr: world.stderr, json, color });
}

function asAppError(error: unknown): AppError {
  return isCancel(error) ? cancelledBy(error) : toAppError(error);
}

function cancelledBy(error: unknown): AppError {
  const known = toAppError(error);
  return known.code === 'CANCELLED' ? known : cancelled('The command');
}
