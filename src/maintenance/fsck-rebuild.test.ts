/** Lost packs of indexes: what every retained snapshot serves afterwards, beside what it served before. */
import assert from 'node:assert/strict'
import { writeFile, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { run } from '../../test/support/apt-root.ts'
import {
  type ArchiveWorld,
  archiveWorld,
  listedIn,
  type OpenRooms,
  servedBytes,
  sha256Of,
} from '../../test/support/archive-world.ts'
import { forEachDialect } from '../../test/support/databases.ts'
import { flipBit, fsck } from '../../test/support/fsck-run.ts'
import { patched, pdiffsOf } from '../../test/support/pdiff-client.ts'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { Maintenance } from './maintenance.ts'

const suiteName = 'stable'

/** Some revisions: packages come, go and come back, so that old chunks are of use again. */
async function withHistory(world: ArchiveWorld): Promise<number> {
  const suite = await world.suite(suiteName, { contents: true, translations: true })
  // Together longer than one chunk.
  const filler = `X-Filler: ${'x'.repeat(100_000)}\n`
  for (let i = 0; i < 6; i += 1) {
    await suite.add(`tool${i}`, '1.0', { extraControl: filler })
  }
  await suite.add('data', '2.0', { architecture: 'all' })
  await suite.addSource('src', '1.0')
  await suite.remove({ name: 'tool3' })
  const { revision } = await suite.rollback('r6')
  return revision
}

/** Everything that the Releases of all revisions list, and the Releases, by path. */
async function allBytes(world: ArchiveWorld, head: number, from: OpenRooms = world): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  const bytes = async (path: string): Promise<Buffer> =>
    servedBytes(from, await from.archives.resolve(world.workspace, path), world.workspace)
  for (let number = 1; number <= head; number += 1) {
    const base = `snapshot/r${number}/dists/${suiteName}`
    const release = await bytes(`${base}/Release`)
    found.set(`${base}/InRelease`, sha256Of(await bytes(`${base}/InRelease`)))
    for (const [path, listed] of listedIn(release.toString())) {
      const index = await bytes(`${base}/${path}`)
      assert.deepEqual([sha256Of(index), index.length], [listed.sha256, listed.sizeBytes], `${base}/${path}`)
      const folder = path.slice(0, path.lastIndexOf('/') + 1)
      const byHash = await bytes(`dists/${suiteName}/${folder}by-hash/SHA256/${listed.sha256}`)
      assert.ok(byHash.equals(index))
      found.set(`${base}/${path}`, listed.sha256)
    }
  }
  return found
}

/** In the order of their revisions; the first has no chunks, only indexes as they are. */
async function packs(world: ArchiveWorld) {
  const rows = await world.db.read
    .selectFrom('revision')
    .innerJoin('file', 'file.id', 'revision.pack_file_id')
    .select(['file.id', 'file.sha256'])
    .orderBy('revision.number')
    .execute()
  return rows.map((row) => ({ ...row, path: join(world.dataDirectory, 'store', row.sha256.slice(0, 2), row.sha256) }))
}

function maintenanceOf(world: ArchiveWorld): Maintenance {
  const { db: database, storage, archives } = world
  return new Maintenance({ database, storage, archives, ages: { leftoverMs: 0, unneededMs: 0, graceMs: 0 } })
}

forEachDialect((_dialect, openFresh) => {
  it('all packs are made again with the bytes of before', async () => {
    await using world = await archiveWorld(openFresh)
    const head = await withHistory(world)
    const before = await allBytes(world, head)
    const lost = await packs(world)
    assert.ok(lost.length > 5)
    for (const [i, pack] of lost.entries()) await (i % 2 === 0 ? unlink(pack.path) : flipBit(pack.path))
    await using maintenance = maintenanceOf(world)

    const found = await fsck(maintenance, { deep: true, repair: true })
    assert.equal(found.summary.lost, lost.length)
    const indexes = found.findings.find(({ severity }) => severity === 'lost')?.touches?.indexes
    assert.deepEqual(
      indexes?.map(({ suite, workspace }) => `${workspace} ${suite}`),
      [`local/main ${suiteName}`],
    )
    await assert.rejects(allBytes(world, head), { code: 'file-corrupt' })

    const rebuilt = await fsck(maintenance, { rebuild: true })
    assert.deepEqual([rebuilt.summary.lost, rebuilt.summary.left], [0, 0])
    assert.deepEqual(await allBytes(world, head), before)
    assert.equal((await fsck(maintenance, { deep: true })).summary.left, 0)
    await using other = await world.another()
    assert.deepEqual(await allBytes(world, head, other), before)
  })

  it('a pack of which only some chunks are left is made again as another file', async () => {
    await using world = await archiveWorld(openFresh)
    const head = await withHistory(world)
    const before = await allBytes(world, head)
    // It remembers where the chunks are, as another server does.
    await using other = await world.another()
    await allBytes(world, head, other)
    // As another layout of the pack would be: the same chunks under another digest.
    const [pack] = (await packs(world)).slice(-2)
    assert.ok(pack !== undefined)
    await unlink(pack.path)
    await world.db.write((trx) =>
      trx
        .updateTable('file')
        .set({ sha256: 'e'.repeat(64) })
        .where('id', '=', pack.id)
        .execute(),
    )
    await using maintenance = maintenanceOf(world)
    const { summary, findings } = await fsck(maintenance, { rebuild: true })
    assert.equal(summary.left, 0)
    assert.match(findings.find(({ stage }) => stage === 'rebuild')?.what ?? '', /with the same bytes, as [0-9a-f]{64}$/)
    assert.deepEqual(await allBytes(world, head), before)
    assert.deepEqual(await allBytes(world, head, other), before)
    for await (const _event of maintenance.vacuum()) {
      // The lost file is forgotten.
    }
    assert.deepEqual(await world.db.read.selectFrom('file').select('id').where('id', '=', pack.id).execute(), [])
    assert.deepEqual(await allBytes(world, head), before)
  })

  it('where a form is compressed otherwise now, the Releases that list it are issued again', async () => {
    await using world = await archiveWorld(openFresh)
    const head = await withHistory(world)
    const lost = await packs(world)
    await pretendOtherGzip(world)
    for (const [i, pack] of lost.entries()) {
      await unlink(pack.path)
      const sha256 = i.toString(16).padStart(64, 'd')
      await world.db.write((trx) => trx.updateTable('file').set({ sha256 }).where('id', '=', pack.id).execute())
    }
    const texts = async (): Promise<string[]> =>
      Promise.all(
        Array.from({ length: head - 1 }, (_, i) =>
          world.text(`snapshot/r${i + 2}/dists/${suiteName}/main/binary-amd64/Packages`),
        ),
      )
    await using other = await world.another()
    const oldDates = await dates(world)
    await using maintenance = maintenanceOf(world)
    const { summary, findings } = await fsck(maintenance, { rebuild: true })
    assert.equal(summary.left, 0)
    const told = findings.find(({ stage }) => stage === 'rebuild')?.what ?? ''
    const [, issued] = /releases were issued again: ([1-9]\d*)/.exec(told) ?? []
    const after = await allBytes(world, head)
    assert.deepEqual(await allBytes(world, head, other), after)
    assert.equal(new Set(await texts()).size > 3, true)
    // Later by a second at least: apt tells two issues apart by whole seconds.
    const later = (await dates(world)).filter((date, i) => date > (oldDates[i] ?? 0))
    assert.equal(later.length, Number(issued))
    await verifySignature(world, `snapshot/r${head - 2}/dists/${suiteName}/InRelease`)
    await verifySignature(world, `dists/${suiteName}/InRelease`)
    // Publishing goes on from there.
    const change = await world.submit({
      kind: 'add',
      suite: suiteName,
      packages: [{ packageId: await world.deb('new', '1') }],
    })
    assert.equal(change.revision, head + 1)
    await allBytes(world, head + 1)
  })

  it('a lost patch of an index leaves, with all that name it, and patches begin anew', async () => {
    await using world = await archiveWorld(openFresh)
    const suite = await world.suite(suiteName, { pdiffs: 9 })
    for (let i = 0; i < 7; i += 1) await suite.add(`tool${i}`, '1.0', { architecture: 'amd64' })
    const index = 'main/binary-amd64/Packages'
    const at = (revision: number) => (path: string) => world.bytes(`snapshot/r${revision}/dists/${suiteName}/${path}`)
    const live = (path: string) => world.bytes(`dists/${suiteName}/${path}`)
    const before = await pdiffsOf(at(6), index)
    assert.ok((await pdiffsOf(live, index)).length > before.length && before.length > 1)
    await allBytes(world, 8)
    // That of r7.
    const pack = (await packs(world)).at(-2)
    assert.ok(pack !== undefined)
    await unlink(pack.path)
    await using maintenance = maintenanceOf(world)
    const { summary } = await fsck(maintenance, { rebuild: true })
    assert.deepEqual([summary.lost, summary.left], [0, 0])
    await using other = await world.another()
    assert.deepEqual(await allBytes(world, 8), await allBytes(world, 8, other))
    assert.deepEqual(await pdiffsOf(at(6), index), before)
    assert.deepEqual([await pdiffsOf(at(7), index), await pdiffsOf(live, index)], [[], []])
    await verifySignature(world, `dists/${suiteName}/InRelease`)

    const old = await live(index)
    await suite.add('tool7', '1.0', { architecture: 'amd64' })
    assert.equal((await pdiffsOf(live, index)).length, 1)
    assert.deepEqual(await patched(live, index, old), await live(index))
    await allBytes(world, 9)
  })

  it('what the record does not give any more stays lost, and says why', async () => {
    await using world = await archiveWorld(openFresh)
    await withHistory(world)
    for (const pack of (await packs(world)).slice(0, 2)) await unlink(pack.path)
    await world.db.write(async (trx) => {
      await trx.updateTable('package').set({ stanza: 'Package: forged\n' }).execute()
      await trx
        .updateTable('index_file')
        .set({ sha256: 'f'.repeat(64) })
        .where('file_offset', '=', 0)
        .execute()
    })
    await using maintenance = maintenanceOf(world)
    const { summary, events } = await fsck(maintenance, { rebuild: true })
    assert.equal(summary.lost, 2)
    const failures = events.flatMap((event) => (event.kind === 'failure' ? [event.error.message] : []))
    assert.deepEqual(failures.map((message) => message.replace(/from “.*” to “.*”/, 'from … to …')).toSorted(), [
      'Nothing on record gives the bytes of dists/stable/main/binary-amd64/Release again.',
      'The record of what was listed from … to … gives another text.',
    ])
  })
})

/** Records the gz indexes, and the Releases, as if gzip had given other bytes when they were made. */
async function pretendOtherGzip(world: ArchiveWorld): Promise<void> {
  const other = (sha256: string): string => sha256Of(Buffer.from(sha256))
  await world.db.write(async (trx) => {
    const gz = await trx
      .selectFrom('index_file')
      .select(['id', 'sha256', 'maps_json'])
      .where('form', '=', 'gz')
      .execute()
    const entries = await trx.selectFrom('index_map').select(['id', 'entries']).execute()
    const full = new Set(entries.filter((map) => map.entries > 0).map((map) => map.id))
    const changed = gz.filter((file) => (JSON.parse(file.maps_json) as number[]).some((id) => full.has(id)))
    for (const { id, sha256 } of changed) {
      await trx
        .updateTable('index_file')
        .set({ sha256: other(sha256) })
        .where('id', '=', id)
        .execute()
    }
    for (const issue of await trx.selectFrom('release_issue').selectAll().execute()) {
      let text = zstdDecompressSync(issue.release).toString()
      for (const { sha256 } of changed) text = text.replaceAll(sha256, other(sha256))
      await trx
        .updateTable('release_issue')
        .set({ release: zstdCompressSync(text) })
        .where('suite_id', '=', issue.suite_id)
        .where('revision', '=', issue.revision)
        .where('kind', '=', issue.kind)
        .execute()
    }
  })
}

async function dates(world: ArchiveWorld): Promise<number[]> {
  const rows = await world.db.read
    .selectFrom('release_issue')
    .select('date_seconds')
    .orderBy('revision')
    .orderBy('kind')
    .execute()
  return rows.map((row) => row.date_seconds)
}

async function verifySignature(world: ArchiveWorld, path: string): Promise<void> {
  const [key, file] = [join(world.dataDirectory, 'key.gpg'), join(world.dataDirectory, 'InRelease')]
  await writeFile(key, await world.bytes('archive-key.gpg'))
  await writeFile(file, await world.bytes(path))
  const { code, output } = await run('gpgv', ['--keyring', key, file])
  assert.equal(code, 0, output)
}
