/**
 * Passwords of servers and encrypted devices: data/secrets.json, each sealed by AES-256-GCM under the key in data/secret.key, with its name
 * as additional data, so that the password of one cannot be given to another. Both files are readable by their owner
 * only. What this protects is copies of the catalog and of secrets.json that travel without the key.
 *
 *   sealed text   base64 of nonce (12 bytes) · tag (16 bytes) · ciphertext
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../shared/base/atomic-file.ts';
import { AppError, systemCode } from '../shared/base/errors.ts';
import { parse } from '../shared/contract/schema.ts';

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const OWNER_ONLY = 0o600;

const fileSchema = z.record(z.string(), z.string());

export class Secrets {
  readonly #key: Buffer;
  readonly #file: string;
  #sealed: Readonly<Record<string, string>>;
  #writes: Promise<void> = Promise.resolve();

  private constructor(key: Buffer, file: string, sealed: Readonly<Record<string, string>>) {
    this.#key = key;
    this.#file = file;
    this.#sealed = sealed;
  }

  /** Opens the secrets of `folder`; the key is made when there is none. @throws AppError `CONFIG_INVALID` for damaged files */
  static async open(folder: string): Promise<Secrets> {
    const key = await readOrMakeKey(path.join(folder, 'secret.key'));
    const file = path.join(folder, 'secrets.json');
    return new Secrets(key, file, await readSealed(file));
  }

  async put(name: string, secret: string): Promise<void> {
    await this.#change({ ...this.#sealed, [name]: this.#seal(name, secret) });
  }

  async remove(name: string): Promise<void> {
    await this.#change(Object.fromEntries(Object.entries(this.#sealed).filter(([known]) => known !== name)));
  }

  /** The password of a name; undefined when there is none that the key opens. */
  find(name: string): string | undefined {
    const text = this.#sealed[name];
    return text === undefined ? undefined : this.#open(name, Buffer.from(text, 'base64'));
  }

  /** The password of a server. @throws AppError `SECRET_UNREADABLE` when there is none that the key opens */
  get(name: string): string {
    const opened = this.find(name);
    if (opened === undefined) {
      throw new AppError('SECRET_UNREADABLE', `Cannot open the password of server "${name}"`, {
        server: name,
      });
    }
    return opened;
  }

  async #change(sealed: Readonly<Record<string, string>>): Promise<void> {
    this.#sealed = sealed;
    const write = (): Promise<void> =>
      writeFileAtomic(this.#file, `${JSON.stringify(sealed, undefined, 2)}\n`, OWNER_ONLY);
    const done = this.#writes.then(write);
    this.#writes = done.catch(() => undefined);
    await done;
  }

  #seal(name: string, secret: string): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce).setAAD(Buffer.from(name));
    const text = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
    return Buffer.concat([nonce, cipher.getAuthTag(), text]).toString('base64');
  }

  #open(name: string, sealed: Buffer): string | undefined {
    if (sealed.length < NONCE_BYTES + TAG_BYTES) return undefined;
    const nonce = sealed.subarray(0, NONCE_BYTES);
    const tag = sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES);
    const decipher = createDecipheriv('aes-256-gcm', this.#key, nonce)
      .setAAD(Buffer.from(name))
      .setAuthTag(tag);
    try {
      const text = decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES));
      return Buffer.concat([text, decipher.final()]).toString('utf8');
    } catch {
      return undefined;
    }
  }
}

async function readOrMakeKey(file: string): Promise<Buffer> {
  const found = await readIfThere(file);
  if (found === undefined) {
    const key = randomBytes(KEY_BYTES);
    await writeFileAtomic(file, key, OWNER_ONLY);
    return key;
  }
  if (found.length !== KEY_BYTES)
    throw new AppError('CONFIG_INVALID', `Cannot use the key file "${file}"`, { file });
  return found;
}

async function readSealed(file: string): Promise<Readonly<Record<string, string>>> {
  const found = await readIfThere(file);
  if (found === undefined) return {};
  try {
    return parse(fileSchema, JSON.parse(found.toString('utf8')), 'CONFIG_INVALID', `"${file}"`);
  } catch (error) {
    throw new AppError('CONFIG_INVALID', `Cannot use the secrets file "${file}"`, { file }, error);
  }
}

async function readIfThere(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw new AppError('CONFIG_INVALID', `Cannot read "${file}"`, { file }, error);
  }
}
