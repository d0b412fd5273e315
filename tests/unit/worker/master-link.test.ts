import { assert } from 'chai';
import { AppError } from '../../../shared/base/errors.ts';
import { silentLog } from '../../../shared/base/log.ts';
import { type ToMaster } from '../../../shared/contract/ipc.ts';
import { toWireError } from '../../../shared/contract/wire-error.ts';
import { MasterLink } from '../../../worker/master-link.ts';

function open(): { link: MasterLink; sent: ToMaster[] } {
  const sent: ToMaster[] = [];
  return { link: new MasterLink({ send: (message) => void sent.push(message) }, silentLog), sent };
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'none',
    (error: unknown) => (error instanceof AppError ? error.code : String(error)),
  );
}

describe('MasterLink', () => {
  it('numbers requests and gives each its own reply, in any order', async () => {
    const { link, sent } = open();
    const first = link.ask({ type: 'removed', taskId: 1, token: 2, snapshotName: 'a' });
    const second = link.ask({ type: 'removed', taskId: 1, token: 2, snapshotName: 'b' });
    const numbers = sent.map((message) => ('seq' in message ? message.seq : 0));
    assert.deepEqual(numbers, [1, 2]);
    link.receive({ type: 'reply', seq: 2, result: { ok: true } });
    const refusal = toWireError(new AppError('IPC_FENCED', 'Too late'));
    link.receive({ type: 'reply', seq: 1, result: { ok: false, error: refusal } });
    assert.equal(await codeOf(second), 'none');
    assert.equal(await codeOf(first), 'IPC_FENCED');
  });

  it('gives orders on and ignores what it does not know', () => {
    const { link } = open();
    assert.deepEqual(link.receive({ type: 'close' }), { type: 'close' });
    assert.isUndefined(link.receive({ type: 'dance' }));
    assert.isUndefined(link.receive('nonsense'));
    assert.isUndefined(link.receive({ type: 'reply', seq: 9, result: { ok: true } }));
  });

  it('lets waiting requests fail when it is closed', async () => {
    const { link } = open();
    const waiting = link.ask({ type: 'fetch', taskId: 1, token: 2 });
    link.close();
    assert.equal(await codeOf(waiting), 'IPC_CLOSED');
  });
});
