/** The Release beside each Packages and Sources, and raw indexes in general: where they lie, and when they are new. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type ArchiveWorld, archiveWorld, listedIn, sha256Of } from '../../test/support/archive-world.ts'
import { forEachDialect } from '../../test/support/databases.ts'

forEachDialect((_dialect, open) => {
  it('each directory has a Release in the words of dak, which the suite lists', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('bookworm', {
      suite: 'stable',
      origin: 'Example',
      label: 'Example',
      architectures: ['amd64'],
      notAutomatic: true,
    })
    await stable.add('hello-udeb', '1', { architecture: 'amd64', extraControl: 'Package-Type: udeb\n' })
    const listed = listedIn(await world.text('dists/bookworm/Release'))
    const places = { 'binary-amd64': 'amd64', 'debian-installer/binary-amd64': 'amd64', source: 'source' }
    for (const [directory, architecture] of Object.entries(places)) {
      const path = `main/${directory}/Release`
      const text = await world.text(`dists/bookworm/${path}`)
      assert.equal(
        text,
        'Archive: stable\nOrigin: Example\nLabel: Example\nNotAutomatic: yes\nAcquire-By-Hash: yes\n' +
          `Component: main\nArchitecture: ${architecture}\n`,
      )
      assert.equal(listed.get(path)?.sha256, sha256Of(Buffer.from(text)))
      const digest = sha256Of(Buffer.from(text))
      assert.equal(await world.text(`dists/bookworm/main/${directory}/by-hash/SHA256/${digest}`), text)
    }
    assert.deepEqual(
      [...listed.keys()].filter((path) => path.endsWith('/Release')),
      Object.keys(places).map((directory) => `main/${directory}/Release`),
    )
  })

  it('it is new only when a setting that it tells of is, and what comes back is not stored again', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', { architectures: ['amd64'] })
    await stable.add('hello', '1', { architecture: 'amd64' })
    assert.deepEqual(await newAt(world, 2), [])
    await stable.set({ description: 'Of no interest to them' })
    assert.deepEqual(await newAt(world, 3), [])
    await stable.set({ label: 'Other' })
    assert.deepEqual(await newAt(world, 4), ['main/binary-amd64/Release', 'main/source/Release'])
    assert.match(await world.text('dists/stable/main/source/Release'), /^Label: Other$/m)
    assert.match(await world.text('snapshot/r3/dists/stable/main/source/Release'), /^Label: Ashlar$/m)
    await stable.set({ label: 'Ashlar' })
    assert.deepEqual(await newAt(world, 5), ['main/binary-amd64/Release', 'main/source/Release'])
    assert.match(await world.text('dists/stable/main/source/Release'), /^Label: Ashlar$/m)
    const packs = await world.db.read.selectFrom('revision').select('pack_file_id').orderBy('number').execute()
    assert.deepEqual(
      packs.map((row) => row.pack_file_id !== null),
      [true, true, false, true, false],
    )
  })
})

/** The Releases of directories that came with a revision. */
async function newAt({ db }: ArchiveWorld, revision: number): Promise<string[]> {
  const rows = await db.read
    .selectFrom('release_index')
    .select('path')
    .where('from_revision', '=', revision)
    .where('path', 'like', '%/Release')
    .orderBy('path')
    .execute()
  return rows.map((row) => row.path)
}
