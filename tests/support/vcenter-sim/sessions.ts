/**
 * Sessions: a cookie, an idle time-out, and the objects that live and die with one (views, collectors, filters).
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { type SimObject } from './model/inventory.ts';
import { isManagedSubtype } from './schema/schema.ts';
import { type Data, type Moref } from './values.ts';

export class Session {
  readonly cookie = randomBytes(20).toString('hex');
  readonly key = `52${randomUUID().slice(2)}`;
  readonly userName: string;
  readonly loginTime = new Date();
  lastActiveMs = Date.now();
  readonly objects = new Map<string, SimObject>();
  /** Fires when the session ends: waits in it must stop. */
  readonly ended = new AbortController();
  #lastObject = 0;

  constructor(userName: string) {
    this.userName = userName;
  }

  /** An id for an object of this session, as vCenter makes them. */
  newId(): string {
    return `session[${this.key}]${this.cookie.slice(0, 8)}-${String(++this.#lastObject)}`;
  }

  find(ref: Moref): SimObject | undefined {
    const object = this.objects.get(ref.id);
    return object !== undefined && isManagedSubtype(object.ref.type, ref.type) ? object : undefined;
  }

  toData(): Data {
    return {
      $type: 'UserSession',
      key: this.key,
      userName: this.userName,
      fullName: this.userName,
      loginTime: this.loginTime,
      lastActiveTime: new Date(this.lastActiveMs),
      locale: 'en',
      messageLocale: 'en',
      extensionSession: false,
    };
  }
}

export class Sessions {
  readonly #byCookie = new Map<string, Session>();
  readonly #idleMs: number;
  logins = 0;

  constructor(idleMs: number) {
    this.#idleMs = idleMs;
  }

  get count(): number {
    this.#expire();
    return this.#byCookie.size;
  }

  all(): Session[] {
    return [...this.#byCookie.values()];
  }

  open(userName: string): Session {
    const session = new Session(userName);
    this.#byCookie.set(session.cookie, session);
    this.logins++;
    return session;
  }

  close(session: Session): void {
    this.#byCookie.delete(session.cookie);
    session.ended.abort();
  }

  closeAll(): void {
    for (const session of this.all()) this.close(session);
  }

  /** The live session of a Cookie header; marks it as used. */
  fromCookie(header: string | undefined): Session | undefined {
    this.#expire();
    const cookie = /(?:^|;\s*)vmware_soap_session="?([0-9a-f]+)"?/.exec(header ?? '')?.[1];
    const session = cookie === undefined ? undefined : this.#byCookie.get(cookie);
    if (session !== undefined) session.lastActiveMs = Date.now();
    return session;
  }

  #expire(): void {
    const limit = Date.now() - this.#idleMs;
    for (const session of this.all()) if (session.lastActiveMs < limit) this.close(session);
  }
}
