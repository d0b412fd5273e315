/** A run as the API shows it: rows of the catalog, and for an active one what the dispatcher knows of this moment. */
import { type RunSummary, type RunView } from '../../shared/contract/api.ts';
import { type Warning } from '../../shared/contract/ipc.ts';
import { type Catalog } from '../catalog/catalog.ts';
import { type RunRecord } from '../catalog/runs.ts';
import { type LedgerEntry } from '../catalog/snapshot-ledger.ts';
import { taskView } from './task-view.ts';
import { type ViewSources } from './view-sources.ts';

export function runView(sources: ViewSources, run: RunRecord): RunView {
  const { catalog, dispatcher } = sources;
  const open = catalog.ledger.openOfRun(run.runId).filter((entry) => entry.absentAt === null);
  const leftOver = open.filter((entry) => !dispatcher.isLive(entry.token));
  return {
    ...head(run),
    revision: dispatcher.revisions.current(run.runId) ?? run.revision,
    streams: streamsOf(sources, run),
    snapshots: open.length,
    tasks: catalog.tasks.ofRun(run.runId).map((task) => taskView(sources, task)),
    warnings: [...run.warnings, ...leftOver.map(leftOverWarning)],
  };
}

export function runSummary(catalog: Catalog, run: RunRecord): RunSummary {
  return { ...head(run), ...catalog.runs.counts(run.runId) };
}

function head(run: RunRecord) {
  const { runId, kind, requestedType, state, outcome, startedAt, finishedAt } = run;
  return { runId, kind, job: run.job?.name ?? null, requestedType, state, outcome, startedAt, finishedAt };
}

function streamsOf(sources: ViewSources, run: RunRecord): RunView['streams'] {
  const setting = run.streamSetting;
  const live = sources.dispatcher.streams(run.runId);
  if (live !== undefined) return { setting, ...live };
  return { setting, effective: run.streams, inUse: 0, why: run.streamsWhy };
}

function leftOverWarning(entry: LedgerEntry): Warning {
  const why = entry.error === null ? 'it is being removed' : entry.error.message;
  return {
    code: 'SNAPSHOT_LEFT_OVER',
    message: `Snapshot "${entry.snapshotName}" of "${entry.vmName}" still exists: ${why}`,
  };
}
