/** Indexes that stay empty although their suite has packages, as those of a lazy mirror do. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type ArchiveWorld, archiveWorld, openRooms } from '../../test/support/archive-world.ts'
import { forEachDialect } from '../../test/support/databases.ts'
import { recording } from '../../test/support/recorded-statements.ts'

/** A package without a file, whose long description lies elsewhere. */
async function bare(world: ArchiveWorld, name: string): Promise<number> {
  const control = [
    `Package: ${name}`,
    'Version: 1',
    'Architecture: amd64',
    'Maintainer: Ashlar Tests <tests@example.org>',
    'Description: nothing here',
    `Description-md5: ${'0'.repeat(32)}`,
    '',
  ].join('\n')
  return await world.deb(name, '1', { control, files: {} })
}

forEachDialect((_dialect, open) => {
  it('an index that stays empty costs no reading of all packages, and is filled by what fills it', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', { contents: true, translations: true, architectures: ['amd64'] })
    const ids = await Promise.all(Array.from({ length: 60 }, (_, i) => bare(world, `bare${i}`)))
    await stable.addPackages(...ids)

    const { database, rows } = recording(world.db)
    await using rooms = await openRooms(database, world.dataDirectory)
    const submit = async (packageId: number): Promise<number> => {
      rows.clear()
      const request = { kind: 'add' as const, suite: 'stable', packages: [{ packageId }] }
      await rooms.archives.submit(world.workspace, request, { userId: null })
      const found = [...rows].filter(
        ([statement]) => statement.includes('"entry_key"') || statement.includes('"stanza"'),
      )
      return found.reduce((sum, [, count]) => sum + count, 0)
    }
    // That of Packages is one chunk, which is read again.
    const read = await submit(await bare(world, 'one-more'))
    assert.ok(read >= 61 && read < 61 + 30, `${read} rows`)

    await submit(await world.deb('full', '1', { architecture: 'amd64', files: { 'usr/bin/full': '' } }))
    assert.match(await world.text('dists/stable/main/i18n/Translation-en'), /^Package: full\n[^]*\n\n$/)
    const contents = await world.bytes('dists/stable/main/Contents-amd64')
    assert.match(contents.toString(), /^usr\/bin\/full +misc\/full\n$/)
  })
})
