/** What a command works with. The entry (master/cli.ts) builds it from the process; tests build it from pieces. */
import { type Clock } from '../../shared/base/clock.ts';
import { type DiskInspection, type InspectOrder } from '../../shared/contract/disk-inspection.ts';
import { type Route, type RouteInput } from '../../shared/contract/routes.ts';
import { type z } from 'zod';
import { ApiClient } from './api-client.ts';
import { type Output } from './output.ts';
import { type Prompt } from './prompt.ts';

export interface ServeOptions {
  readonly dataDir: string;
  /** File of settings; without it `config.json` of the data folder, where there is one. */
  readonly configFile: string | undefined;
  readonly output: Output;
}

export interface Session {
  readonly dataDir: string;
  /** Folder that relative paths begin at. */
  readonly cwd: string;
  readonly output: Output;
  readonly prompt: Prompt;
  readonly clock: Clock;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  env(name: string): string | undefined;
  /** Runs the service in this process until it is told to stop. */
  serve(options: ServeOptions): Promise<void>;
  /** Looks at a disk in a file; needs no service. */
  inspectDisk(order: InspectOrder, signal: AbortSignal): Promise<DiskInspection>;
}

/** What a command line asked for, ready to be done; resolves with the exit code. */
export type Action = (session: Session) => Promise<number>;

/** A group of commands hands over the one that was named. */
export type Choose = (action: Action) => void;

/** One call on a connection of its own. */
export async function callOnce<R extends Route>(
  session: Session,
  route: R,
  input: RouteInput<R>,
): Promise<z.output<R['answer']>> {
  await using api = await ApiClient.open(session.dataDir);
  return await api.call(route, input, session.signal);
}
