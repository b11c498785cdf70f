/** kill -9 at every step of a repair: what is there stays readable, and the next repair makes it whole. */
import assert from 'node:assert/strict'
import { unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { AshlarClient, FsckOptions, FsckSummary } from '../../src/client/client.ts'
import { checkSuite } from '../support/check-archive.ts'
import { flipBit } from '../support/fsck-run.ts'
import { makeDeb, makeSource } from '../support/make-deb.ts'
import { storedFiles, withBackup } from '../support/second-store.ts'
import { serve } from '../support/serve.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { publish } from '../support/upload.ts'
import { isGone } from './kill-walk.ts'

async function check(client: AshlarClient, options: FsckOptions): Promise<FsckSummary> {
  for await (const event of client.fsck(options)) if (event.kind === 'end') return event
  throw new Error('The check had no end')
}

for (const point of ['transfer.put', 'transfer.verify', 'transfer.record', 'copy.condemn'] as const) {
  test(`a kill at ${point} leaves every file readable`, async () => {
    await using home = await temporaryDirectory()
    const wish = { home: home.path }
    const data = join(home.path, 'ashlar-data')
    await using first = await serve(wish)
    await first.workspace.createSuite({ name: 'stable' })
    for (const name of ['one', 'two']) {
      await publish(first, 'stable', { [`${name}_1_all.deb`]: makeDeb({ name, version: '1' }) })
    }
    await publish(first, 'stable', makeSource({ name: 'src', version: '1.0' }))
    await first.stop()
    await withBackup(data)
    const stored = await storedFiles(data, 'store')
    for (const [i, path] of stored.entries()) await (i % 2 === 0 ? unlink(path) : flipBit(path))

    // At the first time, the second …, until a repair comes to its end.
    let kills = 0
    for (; ; kills += 1) {
      await using server = await serve({ ...wish, fault: `${point}:kill:${kills + 1}` })
      const outcome = await check(server.client, { deep: true, repair: true }).catch((error: unknown) => error)
      if (isGone(outcome)) {
        assert.equal((await server.ended).signal, 'SIGKILL')
        await using after = await serve(wish)
        const { packages } = await checkSuite(after.apt, 'stable')
        assert.deepEqual(packages, ['one 1 all', 'src 1.0 source', 'two 1 all'])
        await after.stop()
        continue
      }
      assert.ok(!(outcome instanceof Error), String(outcome))
      break
    }
    assert.ok(kills > 1, `${point} was reached ${kills} times`)
    await using last = await serve(wish)
    const summary = await check(last.client, { deep: true })
    assert.deepEqual([summary.left, summary.damaged], [0, 0])
    assert.equal(summary.readFiles, 2 * stored.length)
    await checkSuite(last.apt, 'stable')
  })
}
