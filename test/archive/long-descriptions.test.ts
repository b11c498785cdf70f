/** Maps of packages and of their long descriptions, where packages do what few do. */
import assert from 'node:assert/strict'
import { unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import type { Kysely } from 'kysely'
import { packIds, unpackIds } from '../../src/archive/chunk-table.ts'
import * as descriptionsByName from '../../src/database/migrations/0014-descriptions-by-name.ts'
import { type ArchiveWorld, archiveWorld, servedBytes } from '../support/archive-world.ts'
import { forEachDialect } from '../support/databases.ts'
import { fsck } from '../support/fsck-run.ts'
import { Maintenance } from '../../src/maintenance/maintenance.ts'

/** So long that it is a chunk of its own. */
const longAbout = (what: string): string => `${what}\n${` ${what.padEnd(90, '.')}\n`.repeat(4500)}`.trimEnd()

async function shortLines(world: ArchiveWorld): Promise<string[]> {
  return shortLinesOf(await world.text('dists/stable/main/i18n/Translation-en'))
}

/** The packages of an index in its order, with the first line of what each says. */
function shortLinesOf(text: string): string[] {
  return [...text.matchAll(/^Package: (\S+)\nDescription-md5: .*\nDescription-en: (.*)$/gm)].map(
    ([, name, short]) => `${name}: ${short}`,
  )
}

async function loseAllPacks(world: ArchiveWorld): Promise<void> {
  const packs = await world.db.read
    .selectFrom('revision')
    .innerJoin('file', 'file.id', 'revision.pack_file_id')
    .select('file.sha256')
    .execute()
  for (const { sha256 } of packs) await unlink(join(world.dataDirectory, 'store', sha256.slice(0, 2), sha256))
}

forEachDialect((_dialect, open) => {
  it('the long description of a package that moves to another source stays the one that it has', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', { translations: true, versions: 'newest', architectures: ['amd64'] })
    await stable.add('big', '1', { source: 'mmm', description: longAbout('big') })
    await stable.add('tool', '1', { source: 'zzz', description: longAbout('tool') })
    await stable.add('tool', '2', { source: 'nnn', description: longAbout('tool') })
    assert.deepEqual(await shortLines(world), ['big: big', 'tool: tool'])
    await stable.add('tool', '3', { source: 'nnn', description: longAbout('new tool') })
    assert.deepEqual(await shortLines(world), ['big: big', 'tool: new tool'])
    await stable.add('tool', '4', { source: 'aaa', description: longAbout('new tool') })
    await stable.remove({ name: 'big' })
    assert.deepEqual(await shortLines(world), ['tool: new tool'])

    const before = await world.text('dists/stable/main/i18n/Translation-en')
    await loseAllPacks(world)
    const { db: database, storage, archives } = world
    await using maintenance = new Maintenance({ database, storage, archives })
    const { summary } = await fsck(maintenance, { rebuild: true })
    assert.deepEqual([summary.lost, summary.left], [0, 0])
    assert.equal(await world.text('dists/stable/main/i18n/Translation-en'), before)
  })

  it('what versions before had in the order of sources is served on, and made anew by the next change', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', { translations: true, architectures: ['amd64'] })
    await stable.add('alpha', '1', { source: 'zzz', description: longAbout('alpha') })
    const { revision } = await stable.add('beta', '1', { source: 'aaa', description: longAbout('beta') })
    await asBySource(world, { alpha: 'zzz', beta: 'aaa' })
    await using other = await world.another()
    const at = (path: string): Promise<Buffer> =>
      other.archives.resolve(world.workspace, path).then((served) => servedBytes(other, served, world.workspace))
    const old = await at('dists/stable/main/i18n/Translation-en')
    assert.deepEqual(shortLinesOf(old.toString()), ['beta: beta', 'alpha: alpha'])

    const packageId = await world.deb('aardvark', '1', { source: 'middle', description: longAbout('aardvark') })
    await other.archives.submit(
      world.workspace,
      { kind: 'add', suite: 'stable', packages: [{ packageId }] },
      { userId: null },
    )
    const now = (await at('dists/stable/main/i18n/Translation-en')).toString()
    assert.deepEqual(shortLinesOf(now), ['aardvark: aardvark', 'alpha: alpha', 'beta: beta'])
    assert.deepEqual(await at(`snapshot/r${revision}/dists/stable/main/i18n/Translation-en`), old)
    assert.deepEqual((await mapsOf(world)).toSorted(), ['translations 3', 'translations-by-source 0'])
  })
})

/** The maps of long descriptions that hold, with how many packages each lists. */
async function mapsOf({ db }: ArchiveWorld): Promise<string[]> {
  const rows = await db.read
    .selectFrom('suite_map')
    .innerJoin('index_map', 'index_map.id', 'suite_map.map_id')
    .select(['map_kind', 'entries'])
    .where('until_revision', 'is', null)
    .where('map_kind', 'in', ['translations', 'translations-by-source'])
    .execute()
  return rows.map((row) => `${row.map_kind} ${row.entries}`)
}

/** Gives long descriptions the order that they had before 0014-descriptions-by-name, and runs that. */
async function asBySource(world: ArchiveWorld, sourceOf: Readonly<Record<string, string>>): Promise<void> {
  await world.db.write(async (trx) => {
    for (const index of ['name_index', 'name_now_index']) {
      await trx.schema.dropIndex(`suite_item_suite_id_component_map_kind_${index}`).execute()
    }
    for (const [name, source] of Object.entries(sourceOf)) {
      const key = `${source} ${name}`
      await trx.updateTable('chunk').set({ first_key: key, last_key: key }).where('first_key', '=', name).execute()
    }
    const maps = await trx
      .selectFrom('suite_map')
      .innerJoin('index_map', 'index_map.id', 'suite_map.map_id')
      .select(['index_map.id', 'index_map.chunks'])
      .where('map_kind', '=', 'translations')
      .execute()
    for (const { id, chunks } of maps) {
      // Each package is a chunk of its own; the order of these sources is that of their names turned.
      const turned = packIds(unpackIds(chunks).toReversed())
      await trx.updateTable('index_map').set({ chunks: turned }).where('id', '=', id).execute()
    }
    await descriptionsByName.up(trx as unknown as Kysely<unknown>)
  })
}
