/**
 * Tasks: queued, running with progress, then success or error; at least as long as the site's delay says.
 * The last thousand stay readable.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Inventory, type SimObject } from './model/inventory.ts';
import { type SimVm } from './model/sim-vm.ts';
import { SimFault } from './sim-fault.ts';
import { Moref, type Data, type Value } from './values.ts';

export interface TaskSpec {
  readonly vm: SimVm;
  readonly method: string;
  readonly userName: string;
  readonly delayMs: number;
  readonly cancelable?: boolean;
}

export interface TaskControl {
  progress(percent: number): void;
  /** The rest of the delay; ends early, with RequestCanceled, when the task is cancelled. */
  delay(): Promise<void>;
}

const KEPT_TASKS = 1000;
const KEPT_RECENT = 5;

export class SimTask implements SimObject {
  readonly ref: Moref;
  readonly spec: TaskSpec;
  readonly cancel = new AbortController();
  state: 'queued' | 'running' | 'success' | 'error' = 'queued';
  percent: number | undefined;
  result: Value | undefined;
  error: SimFault | undefined;
  readonly queueTime = new Date();
  startTime: Date | undefined;
  completeTime: Date | undefined;

  constructor(ref: Moref, spec: TaskSpec) {
    this.ref = ref;
    this.spec = spec;
  }

  property(name: string): Value | undefined {
    return name === 'info' ? this.#toData() : undefined;
  }

  #toData(): Data {
    const { vm, method, userName, cancelable } = this.spec;
    const optional: Record<string, Value | undefined> = {
      error: this.error && {
        $type: 'LocalizedMethodFault',
        fault: this.error.detail,
        localizedMessage: this.error.message,
      },
      result: this.state === 'success' ? this.result : undefined,
      progress: this.state === 'running' ? this.percent : undefined,
      startTime: this.startTime,
      completeTime: this.completeTime,
    };
    return {
      $type: 'TaskInfo',
      key: this.ref.id,
      task: this.ref,
      name: method,
      descriptionId: `VirtualMachine.${method.replace('_Task', '')}`,
      entity: vm.ref,
      entityName: vm.name,
      state: this.state,
      cancelled: this.cancel.signal.aborted,
      cancelable: cancelable === true,
      reason: { $type: 'TaskReasonUser', userName },
      queueTime: this.queueTime,
      eventChainId: Number(this.ref.id.replace(/\D/g, '')),
      ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)),
    };
  }
}

export class Tasks {
  readonly #inventory: Inventory;
  readonly #kept: SimTask[] = [];
  readonly #running = new Set<Promise<void>>();

  constructor(inventory: Inventory) {
    this.#inventory = inventory;
  }

  /** Starts a task on a machine that has none; the caller has checked `vm.busy`. */
  start(spec: TaskSpec, work: (control: TaskControl) => Promise<Value | undefined>): Moref {
    const task = new SimTask(new Moref('Task', this.#inventory.newId('task')), spec);
    this.#remember(task);
    spec.vm.busy = task.ref;
    spec.vm.recentTasks.push(task.ref);
    if (spec.vm.recentTasks.length > KEPT_RECENT) spec.vm.recentTasks.shift();
    const run = this.#run(task, work).finally(() => this.#running.delete(run));
    this.#running.add(run);
    return task.ref;
  }

  /** Resolves when no task is under way. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #remember(task: SimTask): void {
    this.#kept.push(task);
    this.#inventory.add(task);
    const oldest = this.#kept.length > KEPT_TASKS ? this.#kept.shift() : undefined;
    if (oldest !== undefined) this.#inventory.remove(oldest.ref);
  }

  async #run(task: SimTask, work: (control: TaskControl) => Promise<Value | undefined>): Promise<void> {
    const { vm, delayMs } = task.spec;
    const pause = (): Promise<void> => sleep(delayMs / 2, undefined, { signal: task.cancel.signal });
    try {
      await pause();
      task.state = 'running';
      task.startTime = new Date();
      task.percent = 0;
      this.#inventory.touch();
      task.result = await work({ progress: (percent) => this.#progress(task, percent), delay: pause });
      task.state = 'success';
    } catch (error) {
      task.state = 'error';
      task.error = toFault(error, task.cancel.signal.aborted);
    }
    task.completeTime = new Date();
    vm.busy = undefined;
    this.#inventory.touch();
  }

  #progress(task: SimTask, percent: number): void {
    task.percent = Math.round(percent);
    this.#inventory.touch();
  }
}

function toFault(error: unknown, cancelled: boolean): SimFault {
  if (error instanceof SimFault) return error;
  if (cancelled) return new SimFault('RequestCanceled', 'The task was canceled by a user.');
  const reason = error instanceof Error ? error.message : String(error);
  return new SimFault('SystemError', `A general system error occurred: ${reason}`, { reason });
}
