/** A worker without its process: the task loop and the link to a master that the test plays. */
import { systemClock } from '../../shared/base/clock.ts';
import { type AppError } from '../../shared/base/errors.ts';
import { silentLog } from '../../shared/base/log.ts';
import {
  type TaskOutcome,
  type TaskSpec,
  type ToMaster,
  type ToMasterRequest,
} from '../../shared/contract/ipc.ts';
import { toWireError } from '../../shared/contract/wire-error.ts';
import { MasterLink, type Order } from '../../worker/master-link.ts';
import { TaskLoop } from '../../worker/task-loop.ts';

/** What the master says to a request, or an error that it refuses it with. */
export type Answer = (request: ToMasterRequest) => AppError | undefined;

export class LoopWorker {
  /** All that the worker has said. */
  readonly said: ToMaster[] = [];
  /** What the master refuses; by default nothing. */
  refuse: Answer = () => undefined;
  readonly #link: MasterLink;
  readonly #loop: TaskLoop;
  #spec: TaskSpec | undefined;

  constructor() {
    this.#link = new MasterLink({ send: (message) => this.#hear(message) }, silentLog);
    this.#loop = new TaskLoop(this.#link, { log: silentLog, clock: systemClock, cacheFolder: undefined });
  }

  order(order: Order): Promise<boolean> {
    return this.#loop.obey(order);
  }

  /** Has the task done; the outcome that was reported. */
  async work(spec: TaskSpec): Promise<TaskOutcome> {
    this.#spec = spec;
    await this.order({ type: 'assign', taskId: spec.taskId, token: spec.token });
    const last = this.said.findLast((message) => message.type === 'outcome');
    if (last === undefined) throw new Error('the worker has reported nothing');
    return last.outcome;
  }

  /** Types of the ledger's messages, in their order. */
  ledger(): readonly string[] {
    return this.said
      .map(({ type }) => type)
      .filter((type) => ['intent', 'created', 'removed'].includes(type));
  }

  #hear(message: ToMaster): void {
    this.said.push(message);
    if (!('seq' in message)) return;
    const error = this.refuse(message);
    const spec = message.type === 'fetch' ? this.#spec : undefined;
    const result =
      error === undefined
        ? { ok: true, ...(spec === undefined ? {} : { spec }) }
        : { ok: false, error: toWireError(error) };
    queueMicrotask(() => this.#link.receive({ type: 'reply', seq: message.seq, result }));
  }
}
