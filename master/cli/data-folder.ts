/** Where the service keeps what it knows: catalog, keys, logs and the endpoint file. Pure, but for the arguments' origin. */
import path from 'node:path';

export interface Surroundings {
  readonly platform: NodeJS.Platform;
  /** The user's home folder. */
  readonly home: string;
  env(name: string): string | undefined;
}

/** `--data`, else BLOCKHOUSE_DATA, else the place that the platform has for such. Relative ones begin at `cwd`. */
export function dataFolder(given: string | undefined, cwd: string, around: Surroundings): string {
  return path.resolve(cwd, given ?? around.env('BLOCKHOUSE_DATA') ?? platformFolder(around));
}

function platformFolder({ platform, home, env }: Surroundings): string {
  switch (platform) {
    case 'win32':
      return path.join(env('LOCALAPPDATA') ?? path.join(home, 'AppData', 'Local'), 'Blockhouse');
    case 'darwin':
      return path.join(home, 'Library', 'Application Support', 'Blockhouse');
    default:
      return path.join(env('XDG_DATA_HOME') ?? path.join(home, '.local', 'share'), 'blockhouse');
  }
}
