/**
 * The worker's side of the conversation with the master: docs/protocol/ipc.md. Requests wait for the reply of their number;
 * everything else is a listener's. Messages are logged by type only: a spec carries a password.
 */
import { type Log } from '../shared/base/log.ts';
import { AppError } from '../shared/base/errors.ts';
import { type Deferred, deferred } from '../shared/base/async.ts';
import {
  type KnownState,
  type TaskSpec,
  type ToMaster,
  type ToMasterRequest,
  type ToWorker,
  toWorker,
} from '../shared/contract/ipc.ts';
import { fromWireError } from '../shared/contract/wire-error.ts';

/** A request before it has its number. */
export type Request = ToMasterRequest extends infer Each
  ? Each extends unknown
    ? Omit<Each, 'seq'>
    : never
  : never;
/** What the task loop reacts to. */
export type Order = Exclude<ToWorker, { type: 'reply' }>;

/** What a reply holds, by what was asked. */
export interface Answer {
  readonly spec?: TaskSpec | undefined;
  readonly states?: Readonly<Record<string, KnownState>> | undefined;
}

export interface Channel {
  send(message: ToMaster): void;
}

export class MasterLink {
  readonly #channel: Channel;
  readonly #log: Log;
  readonly #waiting = new Map<number, Deferred<Answer>>();
  #seq = 0;

  constructor(channel: Channel, log: Log) {
    this.#channel = channel;
    this.#log = log;
  }

  /** Sends what needs no answer. */
  tell(message: Exclude<ToMaster, ToMasterRequest>): void {
    this.#channel.send(message);
  }

  /**
   * Sends a request and waits for its reply; the master's death ends the process, so the wait has an end.
   * @throws AppError whatever the master answers, `IPC_FENCED` among them
   */
  async ask(request: Request): Promise<Answer> {
    const seq = ++this.#seq;
    const reply = deferred<Answer>();
    this.#waiting.set(seq, reply);
    this.#channel.send({ ...request, seq });
    return reply.promise;
  }

  /** An incoming message as an order, or undefined when it was a reply or nothing that we know. */
  receive(raw: unknown): Order | undefined {
    const parsed = toWorker.safeParse(raw);
    if (!parsed.success) {
      this.#log.warn('Message of the master not understood', { faults: parsed.error.issues.length });
      return undefined;
    }
    const message = parsed.data;
    if (message.type !== 'reply') return message;
    const waiting = this.#waiting.get(message.seq);
    this.#waiting.delete(message.seq);
    if (message.result.ok) waiting?.resolve(message.result);
    else waiting?.reject(fromWireError(message.result.error));
    return undefined;
  }

  /** Lets every waiting request fail. */
  close(): void {
    for (const waiting of this.#waiting.values()) {
      waiting.reject(new AppError('IPC_CLOSED', 'The master is gone'));
    }
    this.#waiting.clear();
  }
}
