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

function platformFolder(around: Surroundings): string {
  const { platform, home } = around;
  if (platform === 'win32') {
    return path.join(around.env('LOCALAPPDATA') ?? path.join(home, 'AppData', 'Local'), 'Blockhouse');
  }
  if (platform === 'darwin') return path.join(home, 'Library', 'Application Support', 'Blockhouse');
  return path.join(around.env('XDG_DATA_HOME') ?? path.join(home, '.local', 'share'), 'blockhouse');
}
