/** What shared/repository/storage.ts promises, asked of an implementation. Called once per Storage by storage.test.ts. */
import { assert } from 'chai';
import { type Storage } from '../../shared/repository/storage.ts';
import { codeOfAsync } from '../unit/format/codes.ts';

export interface StorageUnderTest extends AsyncDisposable {
  readonly storage: Storage;
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

async function namesIn(storage: Storage, folder: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, lengthBytes } of storage.list(folder)) names.push(`${name}:${lengthBytes}`);
  return names.sort();
}

/** Describes the suite under `title`; `open` gives an empty storage. */
export function describeStorage(title: string, open: () => Promise<StorageUnderTest>): void {
  describe(title, () => {
    let under: StorageUnderTest;
    let storage: Storage;
    beforeEach(async () => {
      under = await open();
      storage = under.storage;
    });
    afterEach(async () => under[Symbol.asyncDispose]());

    it('reads back what was put, whole and in ranges', async () => {
      const bytes = Buffer.from('0123456789');
      await storage.put('a/b/object.txt', bytes);
      bytes.fill(0);
      assert.equal(text(await storage.readWhole('a/b/object.txt', 10)), '0123456789');
      const into = new Uint8Array(new SharedArrayBuffer(4));
      assert.equal(await storage.readRange('a/b/object.txt', 3, into), 4);
      assert.equal(text(new Uint8Array(into)), '3456');
      assert.equal(await storage.readRange('a/b/object.txt', 8, into), 2);
      assert.equal(await storage.readRange('a/b/object.txt', 100, into), 0);
      assert.equal(await storage.size('a/b/object.txt'), 10);
    });

    it('gives memory of its own', async () => {
      await storage.put('object', Buffer.from('abc'));
      (await storage.readWhole('object', 10)).fill(0);
      assert.equal(text(await storage.readWhole('object', 10)), 'abc');
    });

    it('does not read an object that is larger than allowed', async () => {
      await storage.put('object', Buffer.from('abc'));
      assert.equal(await codeOfAsync(storage.readWhole('object', 2)), 'FORMAT_INVALID');
    });

    it('says that an object is missing', async () => {
      assert.equal(await codeOfAsync(storage.readWhole('no/object', 9)), 'REPO_OBJECT_MISSING');
      assert.equal(await codeOfAsync(storage.readRange('no', 0, new Uint8Array(1))), 'REPO_OBJECT_MISSING');
      assert.equal(await codeOfAsync(storage.size('no')), 'REPO_OBJECT_MISSING');
      assert.isFalse(await storage.exists('no/object'));
    });

    it('never overwrites', async () => {
      await storage.put('object', Buffer.from('first'));
      assert.equal(await codeOfAsync(storage.put('object', Buffer.from('second'))), 'REPO_OBJECT_EXISTS');
      assert.equal(await codeOfAsync(storage.create('object', 'incoming/x.partial')), 'REPO_OBJECT_EXISTS');
      assert.equal(text(await storage.readWhole('object', 10)), 'first');
    });

    it('lets one of several win that put the same name at once', async () => {
      const codes = await Promise.all(
        Array.from({ length: 5 }, (_, i) => codeOfAsync(storage.put('folder/object', Buffer.from([i])))),
      );
      assert.deepEqual(codes.sort(), [...Array<string>(4).fill('REPO_OBJECT_EXISTS'), 'none']);
      assert.deepEqual(await namesIn(storage, ''), ['folder/object:1']);
    });

    it('shows an object only when it is finished', async () => {
      const writer = await storage.create('packs/00/one.pack', 'incoming/1/one.partial');
      const bytes = Buffer.from('hello ');
      await writer.append(bytes);
      bytes.fill(0);
      await writer.append(Buffer.from('world'));
      assert.equal(writer.lengthBytes, 11);
      assert.isFalse(await storage.exists('packs/00/one.pack'));
      assert.deepEqual(await namesIn(storage, ''), []);
      await writer.finish();
      assert.equal(text(await storage.readWhole('packs/00/one.pack', 20)), 'hello world');
      assert.deepEqual(await namesIn(storage, ''), ['packs/00/one.pack:11']);
      await writer.abort();
      assert.isTrue(await storage.exists('packs/00/one.pack'));
    });

    it('leaves nothing of an object that was given up', async () => {
      const writer = await storage.create('packs/one.pack', 'incoming/one.partial');
      await writer.append(Buffer.from('hello'));
      await writer.abort();
      await writer.abort();
      assert.equal(await codeOfAsync(writer.append(new Uint8Array(1))), 'BUG_INVARIANT');
      assert.equal(await codeOfAsync(writer.finish()), 'BUG_INVARIANT');
      await (await storage.create('packs/one.pack', 'incoming/one.partial')).abort();
      assert.deepEqual(await namesIn(storage, ''), []);
    });

    it('keeps the first of two that are finished under one name', async () => {
      const first = await storage.create('object', 'incoming/first.partial');
      const second = await storage.create('object', 'incoming/second.partial');
      await first.append(Buffer.from('first'));
      await first.finish();
      assert.equal(await codeOfAsync(second.finish()), 'REPO_OBJECT_EXISTS');
      await second.abort();
      assert.equal(text(await storage.readWhole('object', 10)), 'first');
    });

    it('lists what is below a folder, at any depth', async () => {
      for (const name of ['a/1', 'a/b/2', 'ab/3', '4']) await storage.put(name, Buffer.from(name));
      assert.deepEqual(await namesIn(storage, 'a'), ['a/1:3', 'a/b/2:5']);
      assert.deepEqual(await namesIn(storage, ''), ['4:1', 'a/1:3', 'a/b/2:5', 'ab/3:4']);
      assert.deepEqual(await namesIn(storage, 'none'), []);
    });

    it('names the folders of a folder', async () => {
      const folders = async (folder: string): Promise<string[]> => {
        const names: string[] = [];
        for await (const name of storage.listFolders(folder)) names.push(name);
        return names.sort();
      };
      for (const name of ['1', 'a/1', 'a/b/2', 'a/b/3', 'a/c/d/4', 'ab/5'])
        await storage.put(name, Buffer.from(name));
      assert.deepEqual(await folders(''), ['a', 'ab']);
      assert.deepEqual(await folders('a'), ['b', 'c']);
      assert.deepEqual(await folders('a/b'), []);
      assert.deepEqual(await folders('none'), []);
    });

    it('lists apart what is in the making, and removes it when nobody writes it any more', async () => {
      const rest = async (folder: string): Promise<string[]> => {
        const names: string[] = [];
        for await (const { name } of storage.listRest(folder)) names.push(name);
        return names.sort();
      };
      await storage.put('a/1', Buffer.from('one'));
      const left = await storage.create('a/2', 'a/b/2.partial');
      const other = await storage.create('3', '3.partial');
      assert.deepEqual(await rest(''), ['3.partial', 'a/b/2.partial']);
      assert.deepEqual(await rest('a'), ['a/b/2.partial']);
      assert.deepEqual(await rest('none'), []);
      await storage.removeAside('a/b/2.partial');
      await storage.removeAside('a/b/2.partial');
      assert.deepEqual(await rest('a'), []);
      assert.deepEqual(await namesIn(storage, ''), ['a/1:3']);
      assert.equal(await codeOfAsync(storage.removeAside('a/1')), 'BUG_INVARIANT');
      await left.abort();
      await other.abort();
    });

    it('removes objects and folders, and does not mind when there are none', async () => {
      for (const name of ['a/1', 'a/b/2', 'ab/3']) await storage.put(name, Buffer.from(name));
      const inTheMaking = await storage.create('a/4', 'a/4.partial');
      await storage.remove('ab/3');
      await storage.remove('ab/3');
      await storage.remove('none/at/all');
      await storage.removeFolder('a');
      await storage.removeFolder('a');
      assert.deepEqual(await namesIn(storage, ''), []);
      await storage.put('a/1', Buffer.from('again'));
      assert.equal(await storage.size('a/1'), 5);
      await inTheMaking.abort();
    });

    it('removes a folder that is empty, and no other one', async () => {
      await storage.put('a/b/1', Buffer.from('1'));
      await storage.removeEmptyFolder('a/b');
      assert.equal(await storage.size('a/b/1'), 1);
      await storage.remove('a/b/1');
      for (let again = 0; again < 2; again++) await storage.removeEmptyFolder('a/b');
      const folders: string[] = [];
      for await (const folder of storage.listFolders('a')) folders.push(folder);
      assert.deepEqual(folders, []);
      await storage.put('a/b/1', Buffer.from('again'));
      assert.equal(await storage.size('a/b/1'), 5);
    });

    it('puts objects into folders that are removed while they are empty', async function () {
      this.timeout(30_000);
      let isDone = false;
      const remove = async (): Promise<void> => {
        while (!isDone) {
          await storage.removeEmptyFolder('packs/aa');
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
      };
      const put = async (): Promise<void> => {
        for (let i = 0; i < 40; i++) {
          await storage.put(`packs/aa/${i}`, Buffer.from('x'));
          const writer = await storage.create(`packs/aa/w${i}`, `incoming/${i}.partial`);
          await writer.append(Buffer.from('y'));
          await writer.finish();
          assert.isTrue(await storage.exists(`packs/aa/${i}`));
          assert.isTrue(await storage.exists(`packs/aa/w${i}`));
          await storage.remove(`packs/aa/${i}`);
          await storage.remove(`packs/aa/w${i}`);
        }
        isDone = true;
      };
      await Promise.all([remove(), put()]).finally(() => (isDone = true));
    });

    it('takes no name that leads out of it or hides', async () => {
      for (const name of [
        '../x',
        '/x',
        'a/../x',
        'a//b',
        '.x',
        '',
        'x.partial',
        'x'.repeat(201),
        'a\\b',
        'a\0',
      ]) {
        assert.equal(await codeOfAsync(storage.put(name, new Uint8Array())), 'BUG_INVARIANT', name);
        assert.equal(await codeOfAsync(storage.exists(name)), 'BUG_INVARIANT', name);
        assert.equal(await codeOfAsync(storage.removeFolder(name)), 'BUG_INVARIANT', name);
      }
      assert.equal(await codeOfAsync(storage.create('x', 'y')), 'BUG_INVARIANT');
    });

    it('has room', async () => {
      await storage.put('object', new Uint8Array());
      assert.isAbove(await storage.freeBytes(), 0);
    });
  });
}
