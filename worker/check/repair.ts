/**
 * Salvages what a check found: each step may be cut off at any place and done again, and no step takes anything away that can
 * still be read. Sealed points stay, whatever they have lost.
 *
 *   a pack that is not whole ▶ its sound records in a new pack ▶ moved/<pack> ▶ condemned, so that reclaiming removes it
 */
import { type Clock, isoTime } from '../../shared/base/clock.ts';
import { MAX_REPORT_LIST } from '../../shared/contract/device-report.ts';
import {
  PIN_NAME,
  SEAL_NAME,
  condemnedName,
  movedName,
  savesetFolder,
  sweepFolder,
} from '../../shared/format/names.ts';
import { type MovedRecord, encodeMovedRecords } from '../../shared/format/moved-records.ts';
import { CHUNK_HEADER_BYTES } from '../../shared/format/pack.ts';
import { encodePin } from '../../shared/format/pin.ts';
import { encodeCondemned } from '../../shared/format/reclaim-documents.ts';
import { endAttempt } from '../../shared/repository/attempts.ts';
import { markDamaged } from '../../shared/repository/damage-marks.ts';
import { PackWriter } from '../../shared/repository/pack-writer.ts';
import { discardAttempt, isSealed, readManifest, seal } from '../../shared/repository/saveset-store.ts';
import { type Check } from './check.ts';
import { scanRecords } from './record-scan.ts';

/** What is in the making beside an object is there for moments; what is there longer is left over. */
const PARTIAL_MS = 2_000;

export interface RepairOptions {
  /** Of this repair, which is in `incoming/` already. */
  readonly attemptId: string;
  readonly clock: Clock;
  /** Only says what it would do. */
  readonly dryRun: boolean;
}

/** What was done, or would be. */
export class RepairLog {
  readonly lines: string[] = [];
  more = 0;

  add(line: string): void {
    if (this.lines.length < MAX_REPORT_LIST) this.lines.push(line);
    else this.more++;
  }
}

/** @throws AppError what the storage says; the signal's reason */
export async function repairDevice(check: Check, options: RepairOptions): Promise<RepairLog> {
  const log = new RepairLog();
  const steps = new Repair(check, options, log);
  await steps.removeObjects();
  await steps.mark();
  await steps.rewritePacks();
  await steps.sealAgain();
  await steps.pinAgain();
  await steps.removeLeftovers();
  await steps.removePartials();
  return log;
}

class Repair {
  readonly #check: Check;
  readonly #options: RepairOptions;
  readonly #log: RepairLog;

  constructor(check: Check, options: RepairOptions, log: RepairLog) {
    this.#check = check;
    this.#options = options;
    this.#log = log;
  }

  async removeObjects(): Promise<void> {
    const { storage, repairable } = this.#check;
    for (const name of repairable.objects) await this.#do(`remove "${name}"`, () => storage.remove(name));
    for (const sweepId of repairable.sweeps) {
      await this.#do(`remove sweep ${sweepId}`, () => storage.removeFolder(sweepFolder(sweepId)));
    }
  }

  async mark(): Promise<void> {
    const { storage, repairable } = this.#check;
    for (const place of repairable.marks) {
      const what = `mark the record at byte ${place.offset} of pack ${place.packId} as damaged`;
      await this.#do(what, () => markDamaged(storage, place));
    }
  }

  async rewritePacks(): Promise<void> {
    const { storage, repairable, survey } = this.#check;
    const { attemptId, clock, dryRun } = this.#options;
    const rewritten: string[] = [];
    await using writer = new PackWriter(storage, attemptId);
    for (const pack of repairable.packs) {
      const { packId } = survey.packs.place(pack);
      await this.#do(`write the sound records of pack ${packId} to a new pack`, async () => {
        await this.#rewrite(writer, pack);
        rewritten.push(packId);
      });
    }
    if (dryRun || rewritten.length === 0) return;
    await storage.put(
      condemnedName(attemptId),
      encodeCondemned({
        sweepId: attemptId,
        createdAt: isoTime(clock.nowMs()),
        packs: rewritten.map((packId) => ({ packId, reason: 'rewritten' })),
      }),
    );
  }

  async #rewrite(writer: PackWriter, pack: number): Promise<void> {
    const { storage, survey, signal } = this.#check;
    const place = survey.packs.place(pack);
    const moved: MovedRecord[] = [];
    for await (const record of scanRecords(storage, place, signal)) {
      if (!record.isSound) continue;
      const payload = record.bytes.subarray(CHUNK_HEADER_BYTES);
      const at = await writer.append({ ...record, payload });
      const { packId, offset, storedLength } = at;
      moved.push({ oldOffset: record.offset, packId, offset, storedLength });
    }
    await writer.flush();
    await storage.put(movedName(place.packId), encodeMovedRecords(place.packId, moved));
  }

  async sealAgain(): Promise<void> {
    const { storage, repairable, opened } = this.#check;
    const { clock } = this.#options;
    for (const savesetId of opened === undefined ? [] : repairable.seals) {
      await this.#do(`seal saveset ${savesetId} again`, async () => {
        if (opened === undefined) return;
        const { manifest } = await readManifest(opened, savesetId);
        await storage.remove(`${savesetFolder(savesetId)}/${SEAL_NAME}`);
        await seal(opened, savesetId, { token: manifest.token, sealedAt: isoTime(clock.nowMs()) });
      });
    }
  }

  async pinAgain(): Promise<void> {
    const { storage, repairable } = this.#check;
    for (const savesetId of repairable.pins) {
      const name = `${savesetFolder(savesetId)}/${PIN_NAME}`;
      const pinnedAt = isoTime(this.#options.clock.nowMs());
      await this.#do(`pin saveset ${savesetId} anew`, async () => {
        const pin = encodePin({ format: 'blockhouse-pin', version: 1, savesetId, pinnedAt, note: '' });
        await storage.remove(name);
        await storage.put(name, pin);
      });
    }
  }

  /** Asks once more before it removes: what is live now is no leftover, whatever it was before. */
  async removeLeftovers(): Promise<void> {
    const { storage, repairable } = this.#check;
    for (const attemptId of repairable.attempts) {
      await this.#do(`remove what attempt ${attemptId} left`, async () => {
        if (await this.#isLive(attemptId)) return;
        if (await isSealed(storage, attemptId)) await endAttempt(storage, attemptId);
        else await discardAttempt(storage, attemptId);
      });
    }
    for (const savesetId of repairable.savesets) {
      await this.#do(`remove saveset ${savesetId}, which has no seal`, async () => {
        if ((await this.#isLive(savesetId)) || (await isSealed(storage, savesetId))) return;
        await discardAttempt(storage, savesetId);
      });
    }
  }

  async removePartials(): Promise<void> {
    const { storage, repairable, signal } = this.#check;
    const { clock, dryRun } = this.#options;
    if (repairable.partials.length === 0) return;
    if (!dryRun) await clock.sleep(PARTIAL_MS, signal);
    for (const name of repairable.partials)
      await this.#do(`remove "${name}"`, () => storage.removeAside(name));
  }

  async #isLive(id: string): Promise<boolean> {
    return (await this.#check.options.statesOf([id])).get(id) === 'live';
  }

  async #do(what: string, step: () => Promise<void>): Promise<void> {
    this.#check.signal.throwIfAborted();
    this.#log.add(what);
    if (!this.#options.dryRun) await step();
  }
}
