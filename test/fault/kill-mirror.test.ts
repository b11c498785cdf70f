/** kill -9 in the middle of an update: nothing of it is seen, and after the restart it goes on and is right. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkSuite } from '../support/check-archive.ts'
import { serve, type Server } from '../support/serve.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { makeUpstream, upstreamMissing } from '../support/upstream.ts'

const skip = (await upstreamMissing()) ?? false

/** Updates to the end; undefined if the server died. */
async function update(server: Server): Promise<number | undefined> {
  try {
    for await (const event of server.workspace.mirrors.update('up')) {
      if (event.kind === 'end' && event.work === 'update') return event.revision
    }
  } catch (error) {
    assert.match(String(error), /server-unreachable|broke off|No Ashlar server|ECONN|closed|terminated/i)
  }
  return undefined
}

for (const fault of [
  'change.record:kill:1',
  'spool.sync:kill:5',
  'seal.before-commit:kill:1',
  'seal.after-commit:kill:1',
] as const) {
  test(`a kill at ${fault} leaves nothing half sealed, and the next start ends the update`, { skip }, async () => {
    await using upstream = await makeUpstream()
    for (const name of ['one', 'two', 'three']) await upstream.deb({ name, version: '1.0' })
    await upstream.publish()
    await using home = await temporaryDirectory()
    await using first = await serve({ home: home.path, fault })
    await first.workspace.mirrors.create({
      name: 'up',
      url: upstream.url,
      suite: 'test',
      components: ['main'],
      keyring: upstream.key.publicKey,
    })
    assert.equal(await update(first), undefined)
    assert.equal((await first.ended).signal, 'SIGKILL')
    await using again = await serve({ home: home.path })
    // It went on by itself; whoever asks meanwhile hears of the same work.
    assert.equal(await update(again), 1)
    const { packages } = await checkSuite(again.apt, 'test')
    assert.deepEqual(packages, ['one 1.0 all', 'three 1.0 all', 'two 1.0 all'])
    const mirror = await again.workspace.mirrors.show('up')
    assert.deepEqual([mirror.completeness?.files, mirror.completeness?.filesHere], [3, 3])
    assert.equal((await again.workspace.history('test')).history.length, 1)
    // What came before the kill did not come again.
    const fetched = upstream.requests.filter((request) => request.startsWith('GET /pool/'))
    assert.ok(fetched.length <= 6, fetched.join('\n'))
  })
}
