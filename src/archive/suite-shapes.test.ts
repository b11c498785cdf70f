/** What settings make of the indexes of a suite, beside those of the model: when they change, and what stays as it was. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { archiveWorld, listedIn } from '../../test/support/archive-world.ts'
import { forEachDialect } from '../../test/support/databases.ts'

forEachDialect((_dialect, open) => {
  it('packages for all architectures are listed in binary-all too where the suite says so', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', { architectures: ['amd64'] })
    await stable.add('native', '1', { architecture: 'amd64' })
    await stable.add('every', '1')
    const merged = await world.text('dists/stable/Release')
    assert.doesNotMatch(merged, /-all/)
    const before = await world.text('dists/stable/main/binary-amd64/Packages')
    await stable.set({ architectureAll: 'separate' })
    const release = await world.text('dists/stable/Release')
    assert.match(release, /^Architectures: all amd64\nNo-Support-for-Architecture-all: Packages$/m)
    const all = await world.text('dists/stable/main/binary-all/Packages')
    assert.match(all, /^Package: every$/m)
    assert.equal(await world.text('dists/stable/main/binary-amd64/Packages'), before)
    assert.ok(before.startsWith(all) && before.length > all.length)
    assert.match(await world.text('dists/stable/main/binary-all/Release'), /^Architecture: all$/m)
    await stable.set({ architectureAll: 'merged' })
    const again = listedIn(await world.text('dists/stable/Release'))
    assert.deepEqual([...again], [...listedIn(merged)])
  })

  it('long descriptions move into an index of their own in one revision, and back', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', { architectures: ['amd64'] })
    await stable.add('native', '1', { architecture: 'amd64', description: 'short\n And long.' })
    await stable.add('every', '1')
    const before = listedIn(await world.text('dists/stable/Release'))
    const { revision } = await stable.set({ translations: true })
    assert.equal(revision, 4)
    const packages = await world.text('dists/stable/main/binary-amd64/Packages')
    assert.match(packages, /^Description: short\nDescription-md5: [0-9a-f]{32}\n$/m)
    const translation = await world.text('dists/stable/main/i18n/Translation-en')
    assert.match(translation, /^Package: native\nDescription-md5: [0-9a-f]{32}\nDescription-en: short\n And long.\n$/m)
    const now = listedIn(await world.text('dists/stable/Release'))
    for (const form of ['', '.xz', '.gz', '.zst']) assert.ok(now.has(`main/i18n/Translation-en${form}`), form)
    assert.match(await world.text('snapshot/r3/dists/stable/main/binary-amd64/Packages'), /^ And long\.$/m)
    await stable.set({ translations: false })
    assert.deepEqual([...listedIn(await world.text('dists/stable/Release'))], [...before])
  })

  it('a package that comes into a large suite with long descriptions apart changes one chunk of each map', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', { architectures: ['amd64'], translations: true })
    const ids: number[] = []
    for (let i = 0; i < 40; i += 1) {
      // Of Packages and of Translation-en some chunks.
      const extraControl = `X-Filler: ${`${i} `.repeat(20_000)}\n`
      const description = `some\n ${`${i} `.repeat(20_000)}`
      ids.push(await world.deb(`tool${i}`, '1', { architecture: 'amd64', extraControl, description }))
    }
    await stable.addPackages(...ids)
    const chunksAt = async (): Promise<number> => {
      const { count } = await world.db.read
        .selectFrom('chunk')
        .select((eb) => eb.fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow()
      return count
    }
    const many = await chunksAt()
    assert.ok(many > 8, `${many}`)
    await stable.add('tool7', '2', { architecture: 'amd64', description: 'some\n Other text.' })
    const more = (await chunksAt()) - many
    assert.ok(more >= 2 && more <= 4, `${more}`)
    // What another version has said already is not new.
    const known = await chunksAt()
    await stable.add('tool7', '3', { architecture: 'amd64', description: 'some\n Other text.' })
    assert.ok((await chunksAt()) - known <= 2)
  })
})
