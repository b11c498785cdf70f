import assert from 'node:assert/strict'
import { it } from 'node:test'
import { archiveWorld } from '../../../test/support/archive-world.ts'
import { forEachDialect } from '../../../test/support/databases.ts'
import { acquireLease, breakLeases, LeaseLost } from '../../database/lease.ts'
import { generateArchiveKey, loadSigner } from '../../debian/openpgp.ts'
import { archiveOf } from '../archive-table.ts'
import { commitRebuild } from './commit-rebuild.ts'

forEachDialect((_dialect, open) => {
  it('who was held up until another took over the archive changes nothing of it', async () => {
    await using world = await archiveWorld(open)
    const { db, workspace } = world
    await world.suite('stable')
    const archive = await archiveOf(db.read, workspace.id)
    assert.ok(archive !== undefined)
    const name = 'of-the-test'
    const mine = await acquireLease(db, name, 'me', 60_000)
    await breakLeases(db)
    await acquireLease(db, name, 'another', 60_000)
    const { privateKey } = await generateArchiveKey({ name: 'test', date: new Date() })
    const state = async () => [
      await db.read.selectFrom('archive').selectAll().execute(),
      await db.read.selectFrom('chunk').selectAll().execute(),
      await db.read.selectFrom('index_file').selectAll().execute(),
      await db.read.selectFrom('maintenance').selectAll().execute(),
    ]
    const before = await state()
    const rebuild = {
      archiveId: archive.id,
      lease: { name, holder: 'me', fence: mine?.fence ?? 0 },
      moved: new Map(),
      movedIndexes: new Map(),
      unlisted: { chunks: [], indexes: [] },
      leaving: [],
      changed: [],
      signer: await loadSigner([privateKey]),
      signal: new AbortController().signal,
    }
    await assert.rejects(commitRebuild(db, rebuild), LeaseLost)
    assert.deepEqual(await state(), before)
  })
})
