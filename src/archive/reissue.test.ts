import assert from 'node:assert/strict'
import { it } from 'node:test'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { type ArchiveWorld, archiveWorld } from '../../test/support/archive-world.ts'
import { forEachDialect } from '../../test/support/databases.ts'
import { formatDate } from './release.ts'

const day = 86_400

function dateIn(release: string, field: 'Date' | 'Valid-Until'): number {
  return Date.parse(new RegExp(`^${field}: (.*)$`, 'm').exec(release)?.[1] ?? '') / 1000
}

/** Lets every Release have been issued earlier. */
async function issueEarlier({ db }: ArchiveWorld, seconds: number): Promise<void> {
  const rows = await db.read.selectFrom('release_issue').selectAll().execute()
  for (const { suite_id, revision, kind, date_seconds, release } of rows) {
    const text = zstdDecompressSync(release)
      .toString()
      .replaceAll(/^(Date|Valid-Until): (.*)$/gm, (_, field: string, date: string) => {
        return `${field}: ${formatDate(Date.parse(date) / 1000 - seconds)}`
      })
    const values = { date_seconds: date_seconds - seconds, release: zstdCompressSync(text) }
    await db.write((trx) =>
      trx
        .updateTable('release_issue')
        .set(values)
        .where('suite_id', '=', suite_id)
        .where('revision', '=', revision)
        .where('kind', '=', kind)
        .execute(),
    )
  }
  // What is remembered of the archive holds no more.
  await db.write((trx) =>
    trx
      .updateTable('archive')
      .set((eb) => ({ issue: eb('issue', '+', 1) }))
      .execute(),
  )
}

forEachDialect((_dialect, open) => {
  it('a live Release is issued again when half of its time is over; its snapshot never expires', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', { validUntilDays: 10 })
    await stable.add('hello', '1')
    const fresh = await world.text('dists/stable/Release')
    assert.equal(dateIn(fresh, 'Valid-Until'), dateIn(fresh, 'Date') + 10 * day)
    await world.archives.reissue(assert.ifError)
    assert.equal(await world.text('dists/stable/Release'), fresh)

    await issueEarlier(world, 4 * day)
    await world.archives.reissue(assert.ifError)
    assert.equal(dateIn(await world.text('dists/stable/Release'), 'Date'), dateIn(fresh, 'Date') - 4 * day)
    await issueEarlier(world, 2 * day)
    const snapshot = await world.text('snapshot/r2/dists/stable/Release')
    await world.archives.reissue(assert.ifError)
    const renewed = await world.text('dists/stable/Release')
    const now = Math.floor((await world.db.now()) / 1_000_000)
    assert.ok(dateIn(renewed, 'Date') >= dateIn(fresh, 'Date') && dateIn(renewed, 'Date') <= now)
    assert.equal(dateIn(renewed, 'Valid-Until'), dateIn(renewed, 'Date') + 10 * day)
    assert.equal(renewed.slice(renewed.indexOf('SHA256:')), fresh.slice(fresh.indexOf('SHA256:')))
    assert.equal(await world.text('snapshot/r2/dists/stable/Release'), snapshot)
    assert.doesNotMatch(snapshot, /Valid-Until/)
    assert.match(await world.text('dists/stable/InRelease'), new RegExp(/^Date: (.*)$/m.exec(renewed)?.[1] ?? '-'))
    assert.deepEqual(world.errors, [])
  })

  it('an archive whose Release cannot be issued again does not hold up the others', async () => {
    await using world = await archiveWorld(open)
    await world.suite('stable', { validUntilDays: 1 })
    await world.db.write((trx) =>
      trx
        .updateTable('release_issue')
        .set({ release: Buffer.from('no zstd') })
        .execute(),
    )
    const other = await world.emptyWorkspace()
    const settings = { validUntilDays: 1 }
    await world.archives.submit(other, { kind: 'suite-create', suite: 'stable', settings }, { userId: null })
    await world.db.write((trx) =>
      trx
        .updateTable('release_issue')
        .set((eb) => ({ date_seconds: eb('date_seconds', '-', day) }))
        .execute(),
    )
    const dates = (): Promise<{ date_seconds: number }[]> =>
      world.db.read
        .selectFrom('release_issue')
        .select('date_seconds')
        .where('kind', '=', 'live')
        .orderBy('suite_id')
        .execute()
    const [stuck, old] = await dates()
    const errors: unknown[] = []
    await world.archives.reissue((error) => errors.push(error))
    assert.equal(errors.length, 1)
    const [first, second] = await dates()
    assert.deepEqual(first, stuck)
    assert.ok((second?.date_seconds ?? 0) >= (old?.date_seconds ?? 0) + day)
  })

  it('a new address is told in the Releases of now, with a later date, whatever stands in the address', async () => {
    let publicUrl = 'http://old.test'
    await using world = await archiveWorld(open, { publicUrl: () => publicUrl })
    await world.suite('stable', { description: 'Date: none, Snapshots: none' })
    const old = await world.text('dists/stable/Release')
    assert.match(old, /^Snapshots: http:\/\/old\.test\/apt\/local\/main\/snapshot\/@SNAPSHOTID@\/$/m)
    publicUrl = "http://new.test/$&/$'/"
    await world.archives.reissue(assert.ifError)
    const renewed = await world.text('dists/stable/Release')
    const snapshots = "http://new.test/$&/$'/apt/local/main/snapshot/@SNAPSHOTID@/"
    assert.ok(renewed.includes(`\nSnapshots: ${snapshots}\n`))
    assert.ok(dateIn(renewed, 'Date') > dateIn(old, 'Date'))
    assert.match(renewed, /^Description: Date: none, Snapshots: none$/m)
  })
})
