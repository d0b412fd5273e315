/**
 * A worker that speaks the protocol and stores an empty but real saveset. What else it does is in the VM's name:
 *
 *   gate-…       goes on when the file `gates/<name>` is there (a cancel ends it before)
 *   dies-once-…  is killed after its snapshot, in the first attempt      fails-once-…  reports an error that passes
 *   silent-…     blocks its whole process in the first attempt           stuck-…       does not hear a cancel
 *   stale-…      talks under its first token after its outcome           leaves-…      does not remove its snapshot
 *
 * The folder above the device gets a line in `worker.log` for every step: what the tests look at.
 */
import { appendFileSync, existsSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BackupSpec, IPC_PROTOCOL, type TaskOutcome, type ToWorker } from '../../shared/contract/ipc.ts';
import { AppError } from '../../shared/base/errors.ts';
import { type Manifest } from '../../shared/format/manifest.ts';
import { noBytes } from '../../shared/domain/task.ts';
import { toWireError } from '../../shared/contract/wire-error.ts';
import { openDevice } from '../../shared/repository/device.ts';
import { putManifest } from '../../shared/repository/saveset-store.ts';
import { openLocalStorage } from '../../shared/repository/storage-local.ts';

type Reply = Extract<ToWorker, { type: 'reply' }>['result'];

const replies = new Map<number, (result: Reply) => void>();
const cancelled = new Set<number>();
let seq = 0;
let folder = '';
let heartbeat: NodeJS.Timeout | undefined;

function send(message: object): void {
  process.send?.(message);
}

function note(event: string, fields: object = {}): void {
  const line = JSON.stringify({
    pid: process.pid,
    at: performance.timeOrigin + performance.now(),
    event,
    ...fields,
  });
  appendFileSync(path.join(folder, 'worker.log'), `${line}\n`);
}

async function ask(message: object): Promise<Reply> {
  const own = ++seq;
  const reply = new Promise<Reply>((resolve) => replies.set(own, resolve));
  send({ ...message, seq: own });
  return reply;
}

async function open(
  device: { readonly path: string; readonly deviceId: string } | null,
  heartbeatMs: number,
): Promise<void> {
  if (device === null) {
    send({ type: 'opened' });
    return;
  }
  folder = path.dirname(device.path);
  try {
    await openDevice(openLocalStorage(device.path), { expectDeviceId: device.deviceId });
  } catch (error) {
    send({ type: 'open-failed', error: toWireError(error) });
    return;
  }
  heartbeat = setInterval(() => send({ type: 'heartbeat', rssBytes: 1 }), heartbeatMs);
  note('opened', { device: path.basename(device.path) });
  send({ type: 'opened' });
}

async function work(taskId: number, token: number): Promise<void> {
  const fetched = await ask({ type: 'fetch', taskId, token });
  if (!fetched.ok || fetched.spec === undefined) {
    await report(taskId, token, failedWith(fetched));
    return;
  }
  const { spec } = fetched;
  if (spec.kind !== 'backup') {
    await report(taskId, token, outcome('ok'));
    return;
  }
  const vm = spec.vm.name;
  note('begin', { vm, taskId, token, attempt: spec.attempt, base: spec.base?.savesetId ?? null });
  const result = await backup(spec);
  note('end', { vm, taskId, token, status: result.status });
  await report(taskId, token, result);
  if (vm.startsWith('stale')) note('stale', { reply: await ask(removal(spec)) });
}

const snapshotName = (spec: BackupSpec): string => `blockhouse-${spec.token}`;
const removal = (spec: BackupSpec) => ({
  type: 'removed',
  taskId: spec.taskId,
  token: spec.token,
  snapshotName: snapshotName(spec),
});

async function backup(spec: BackupSpec): Promise<TaskOutcome> {
  const { taskId, token, vm, attempt } = spec;
  const name = snapshotName(spec);
  await ask({ type: 'intent', taskId, token, vmMoref: vm.moref, vmName: vm.name, snapshotName: name });
  note('snapshot', { vm: vm.name, token });
  await ask({ type: 'created', taskId, token, snapshotName: name, snapshotMoref: `snapshot-${token}` });
  if (vm.name.startsWith('dies-once') && attempt === 1) process.kill(process.pid, 'SIGKILL');
  if (vm.name.startsWith('silent') && attempt === 1)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  send({
    type: 'progress',
    taskId,
    token,
    progress: { phase: 'read', what: 'disk', doneBytes: 1, totalBytes: 2 },
  });
  const stopped = await wait(vm.name, taskId);
  if (!vm.name.startsWith('leaves')) await ask(removal(spec));
  note('no-snapshot', { vm: vm.name, token });
  if (stopped) return outcome('cancelled', new AppError('CANCELLED', 'Task was cancelled'));
  if (vm.name.startsWith('fails-once') && attempt === 1) {
    return outcome('failed', new AppError('VSPHERE_BUSY', 'Another task works on the VM'));
  }
  const { sha256, lengthBytes } = await putManifest(
    await openDevice(openLocalStorage(spec.device.path)),
    manifestOf(spec),
  );
  const saveset = { savesetId: spec.savesetId, manifestSha256: sha256, manifestBytes: lengthBytes };
  return { ...outcome('ok'), saveset };
}

/** True when the task was cancelled meanwhile. */
async function wait(vm: string, taskId: number): Promise<boolean> {
  const isGate = vm.startsWith('gate') || vm.startsWith('stuck');
  while (isGate && !existsSync(path.join(folder, 'gates', vm))) {
    if (cancelled.has(taskId) && !vm.startsWith('stuck')) return true;
    await sleep(5);
  }
  return false;
}

function outcome(status: TaskOutcome['status'], error?: AppError): TaskOutcome {
  const counters = { ...noBytes };
  return {
    status,
    error: error === undefined ? null : toWireError(error),
    warnings: [],
    counters,
    phases: {},
    saveset: null,
    report: null,
  };
}

function failedWith(reply: Reply): TaskOutcome {
  const error = reply.ok ? toWireError(new AppError('BUG_UNEXPECTED', 'No spec')) : reply.error;
  return { ...outcome('failed'), error };
}

async function report(taskId: number, token: number, result: TaskOutcome): Promise<void> {
  const reply = await ask({ type: 'outcome', taskId, token, outcome: result });
  if (!reply.ok) note('refused', { taskId, token, code: reply.error.code });
}

function manifestOf(spec: BackupSpec): Manifest {
  const at = new Date().toISOString();
  const { savesetId, device, runId, taskId, attempt, token, jobName, base, vm } = spec;
  return {
    format: 'blockhouse-manifest',
    version: 1,
    producer: { product: 'fake worker', version: '0' },
    ...{ savesetId, deviceId: device.deviceId, runId, taskId, attempt, token, jobName },
    job: null,
    standsFor: [],
    type: spec.options.type === 'auto' ? 'full' : spec.options.type,
    base: base === null ? null : { savesetId: base.savesetId, deviceId: base.device.deviceId },
    createdAt: at,
    finishedAt: at,
    vm: {
      ...vm,
      server: spec.server.name,
      biosUuid: '',
      guestId: '',
      hardwareVersion: 'vmx-19',
      powerState: 'poweredOn',
    },
    consistency: { asked: spec.options.consistency, reached: 'crash', reason: null },
    disks: [],
    leftOutDisks: [],
    files: [],
    packsWritten: [],
    warnings: [],
    counters: noBytes,
    phases: {},
  };
}

process.on('message', (raw) => {
  const message = raw as ToWorker;
  switch (message.type) {
    case 'open':
      return void open(message.device, message.heartbeatMs);
    case 'assign':
      return void work(message.taskId, message.token);
    case 'cancel':
      return void cancelled.add(message.taskId);
    case 'close':
      clearInterval(heartbeat);
      if (folder !== '') note('closed');
      process.disconnect();
      return;
    case 'reply':
      return replies.get(message.seq)?.(message.result);
  }
});
send({ type: 'hello', protocol: IPC_PROTOCOL, version: 'fake', pid: process.pid });
