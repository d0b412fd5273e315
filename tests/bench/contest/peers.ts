/**
 * What the product is compared with, each as its manual shows it for this task. Those that know NTFS get the volume, the
 * others the whole disk. Output goes to the same file system, and each gets the compression that is nearest to ours.
 */
import { execFileSync } from 'node:child_process';

export interface PeerTask {
  readonly image: string;
  readonly volume: string;
  /** An empty folder; what lies in it afterwards is what was stored. */
  readonly store: string;
  /** An empty folder for what comes back. */
  readonly back: string;
}

export interface Peer {
  /** As in --only, and in the tables. */
  readonly name:
    'restic' | 'borg' | 'ntfsclone' | 'partclone' | 'partclone-zstd' | 'qemu-img' | 'nbdcopy' | 'dd';
  readonly programs: readonly string[];
  /** Prints the version on the first line of either output. */
  readonly version: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Not measured. */
  readonly before?: (task: PeerTask) => string;
  /** Lines of the shell. */
  readonly backup: (task: PeerTask) => string;
  readonly restore?: (task: PeerTask) => string;
}

const RESTIC = { RESTIC_PASSWORD: 'bench', RESTIC_CACHE_DIR: '/nonexistent' };
const BORG = { BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: 'yes', BORG_RELOCATED_REPO_ACCESS_IS_OK: 'yes' };

export const peers: readonly Peer[] = [
  {
    name: 'restic',
    programs: ['restic'],
    version: 'restic version',
    env: RESTIC,
    before: ({ store }) => `restic init -q --no-cache --repo ${store}`,
    backup: ({ image, store }) => `restic backup -q --no-cache --repo ${store} ${image}`,
    restore: ({ store, back }) => `restic restore latest -q --no-cache --repo ${store} --target ${back}`,
  },
  {
    name: 'borg',
    programs: ['borg'],
    version: 'borg --version',
    env: BORG,
    before: ({ store }) => `borg init -e none ${store}`,
    backup: ({ image, store }) => `borg create -C zstd,1 ${store}::one ${image}`,
    restore: ({ store, back }) => `cd ${back} && borg extract --sparse ${store}::one`,
  },
  {
    name: 'ntfsclone',
    programs: ['ntfsclone'],
    version: 'ntfsclone --version',
    backup: ({ volume, store }) => `ntfsclone -q -s -O ${store}/volume.ntfsclone ${volume}`,
  },
  {
    name: 'partclone',
    programs: ['partclone.ntfs'],
    version: 'partclone.ntfs -v',
    backup: ({ volume, store }) => `partclone.ntfs -q -c -s ${volume} -O ${store}/volume.pcl -L /dev/null`,
  },
  {
    name: 'partclone-zstd',
    programs: ['partclone.ntfs', 'zstd'],
    version: 'zstd --version',
    backup: ({ volume, store }) =>
      `partclone.ntfs -q -c -s ${volume} -o - -L /dev/null | zstd -q -1 -T2 -o ${store}/volume.pcl.zst`,
  },
  {
    name: 'qemu-img',
    programs: ['qemu-img'],
    version: 'qemu-img --version',
    backup: ({ image, store }) =>
      `qemu-img convert -c -f raw -O qcow2 -o compression_type=zstd ${image} ${store}/disk.qcow2`,
  },
  {
    name: 'nbdcopy',
    programs: ['nbdcopy', 'nbdkit'],
    version: 'nbdcopy --version',
    backup: ({ image, store }) => `nbdcopy -- [ nbdkit --exit-with-parent file ${image} ] ${store}/disk.img`,
  },
  {
    name: 'dd',
    programs: ['dd'],
    version: 'dd --version',
    backup: ({ image, store }) => `dd if=${image} of=${store}/disk.img bs=4M conv=fdatasync status=none`,
  },
];

/** Null when a program of it is missing. */
export function versionOf(peer: Peer): string | null {
  const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
  const shell = (line: string): string =>
    execFileSync('bash', ['-c', line], { env: { ...process.env, PATH: path } }).toString();
  try {
    for (const program of peer.programs) shell(`command -v ${program}`);
    const said = shell(`${peer.version} 2>&1 || true`);
    return (
      said
        .split('\n')
        .find((line) => line.trim() !== '')
        ?.trim() ?? ''
    );
  } catch {
    return null;
  }
}
