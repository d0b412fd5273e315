import { assert } from 'chai';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { loadConfig } from '../../../master/config-file.ts';
import { runService } from '../../../master/main.ts';
import { cancelled } from '../../../shared/base/abort.ts';
import { parseConfig } from '../../../shared/contract/config.ts';
import { type TempFolder, tempFolder } from '../../support/temp.ts';
import { rejectsCode } from '../vsphere/throws-code.ts';

let temp: TempFolder;
beforeEach(async () => {
  temp = await tempFolder();
});
afterEach(() => temp[Symbol.asyncDispose]());

describe('runService', () => {
  it('serves until it is stopped, and says where', async () => {
    const stop = new AbortController();
    const told: string[] = [];
    const dataDir = temp.file('state');
    const tell = (line: string): void => {
      told.push(line);
      if (line.includes('Listening on')) stop.abort(cancelled('The command'));
    };
    await runService({ dataDir, configFile: undefined, tell, stop: stop.signal });
    assert.include(told[0], `data folder ${dataDir}`);
    assert.equal(told.at(-1), 'Stopped');
    assert.equal((await stat(dataDir)).mode & 0o777, 0o700);
  });

  it('fails, and logs why, when another service uses the folder', async () => {
    const stop = new AbortController();
    const dataDir = temp.file('state');
    const options = { dataDir, configFile: undefined, stop: stop.signal };
    let second: Promise<unknown> | undefined;
    const tell = (line: string): void => {
      if (!line.includes('Listening on')) return;
      second = rejectsCode('SERVICE_ALREADY_RUNNING', runService({ ...options, tell: () => undefined }));
      void second.finally(() => stop.abort(cancelled('The command')));
    };
    await runService({ ...options, tell });
    await second;
  });
});

describe('loadConfig', () => {
  it('is the defaults without a file, but a named file must be there', async () => {
    assert.deepEqual(await loadConfig(temp.path, undefined), parseConfig({}));
    const error = await rejectsCode('CONFIG_INVALID', loadConfig(temp.path, temp.file('other.json')));
    assert.include(error.message, 'other.json');
  });

  it('reads the file of the data folder, and leaves its $schema out', async () => {
    await writeFile(temp.file('config.json'), '{"$schema": "./schema.json", "logLevel": "debug"}');
    assert.equal((await loadConfig(temp.path, undefined)).logLevel, 'debug');
    const named = await loadConfig(temp.file('nowhere'), temp.file('config.json'));
    assert.equal(named.logLevel, 'debug');
    assert.include(await readFile(temp.file('config.json'), 'utf8'), '$schema');
  });

  for (const text of ['', '{', '[]', '"text"', 'null', '{"colour": "red"}']) {
    it(`refuses ${text === '' ? 'an empty file' : text}`, async () => {
      await writeFile(temp.file('config.json'), text);
      await rejectsCode('CONFIG_INVALID', loadConfig(temp.path, undefined));
    });
  }
});
