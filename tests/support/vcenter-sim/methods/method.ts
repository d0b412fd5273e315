/**
 * What a method gets to work with. A method returns its result, or throws a SimFault.
 */
import { type SimObject } from '../model/inventory.ts';
import { SimVm } from '../model/sim-vm.ts';
import { type Session } from '../sessions.ts';
import { objectGone } from '../sim-fault.ts';
import { type Site } from '../site.ts';
import { type Data, type Moref, type Value } from '../values.ts';

export interface CallContext {
  readonly site: Site;
  readonly target: SimObject;
  readonly parameters: Data;
  /** Fires when the client hangs up. */
  readonly signal: AbortSignal;
  /** Undefined only in Login, RetrieveServiceContent and what else needs no session. */
  readonly session: Session | undefined;
  /** Sends a Set-Cookie header with the answer. */
  setCookie(value: string): void;
}

export interface SessionContext extends CallContext {
  readonly session: Session;
}

export type Method = (context: SessionContext) => Promise<Value | undefined> | Value | undefined;
export type Methods = Readonly<Record<string, Method>>;

/** Finds an object of the site or of the session. */
export const finder =
  (site: Site, session: Session | undefined) =>
  (ref: Moref): SimObject | undefined =>
    site.inventory.find(ref) ?? session?.find(ref);

/** The machine that the call is for. @throws SimFault ManagedObjectNotFound */
export function targetVm(context: CallContext): SimVm {
  if (context.target instanceof SimVm) return context.target;
  throw objectGone(context.target.ref);
}
