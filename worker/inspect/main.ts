/**
 * Entry of the process that `disk inspect` starts: one order in, one answer out. What is on a disk is read in a process of its
 * own, so that the command can end it at any time; it never outlives its channel.
 */
import { type InspectAnswer, inspectOrder } from '../../shared/contract/disk-inspection.ts';
import { toWireError } from '../../shared/contract/wire-error.ts';
import { inspectDisk } from './inspect-disk.ts';

const stop = new AbortController();

async function answer(raw: unknown): Promise<InspectAnswer> {
  try {
    return { ok: true, inspection: await inspectDisk(inspectOrder.parse(raw), stop.signal) };
  } catch (error) {
    return { ok: false, error: toWireError(error) };
  }
}

process.once('message', (raw) => {
  void answer(raw).then((message) => process.send?.(message, () => process.disconnect()));
});
process.once('disconnect', () => process.exit());
// A terminal sends Ctrl-C to the whole group of processes: the command decides what ends.
process.on('SIGINT', () => undefined);
