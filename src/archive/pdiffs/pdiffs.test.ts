import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type ArchiveWorld, archiveWorld, refused } from '../../../test/support/archive-world.ts'
import { forEachDialect } from '../../../test/support/databases.ts'
import { patched, pdiffsOf, type Read } from '../../../test/support/pdiff-client.ts'
import { expireRevisions } from '../retention.ts'

const amd64 = 'main/binary-amd64/Packages'
const arm64 = 'main/binary-arm64/Packages'
const sources = 'main/source/Sources'

/** Of the suite as it is, or in a snapshot. */
function reading(world: ArchiveWorld, suite = 'stable', snapshot?: string): Read {
  const above = snapshot === undefined ? '' : `snapshot/${snapshot}/`
  return (path) => world.bytes(`${above}dists/${suite}/${path}`)
}

/** A suite with some packages, so that a patch is shorter than an index. */
async function furnished(world: ArchiveWorld, pdiffs: number) {
  const suite = await world.suite('stable', { pdiffs, versions: 'newest' })
  const ids = Array.from({ length: 12 }, async (_, i) =>
    world.deb(`base${i}`, '1.0', { architecture: i % 3 === 0 ? 'all' : 'amd64' }),
  )
  await suite.addPackages(...(await Promise.all(ids)))
  return suite
}

forEachDialect((_dialect, open) => {
  it('each change of an index leaves a patch, and by patches any state in the history becomes the newest', async () => {
    await using world = await archiveWorld(open)
    const stable = await furnished(world, 3)
    const read = reading(world)
    assert.deepEqual(await pdiffsOf(read, amd64), [])
    const states = [await read(amd64)]
    const changes = [
      () => stable.add('base3', '2.0', { architecture: 'all' }),
      () => stable.add('base4', '2.0', { architecture: 'amd64' }),
      () => stable.add('another', '1.0', { architecture: 'amd64' }),
      () => stable.remove({ name: 'base7' }, { name: 'base10' }),
      () => stable.rollback('r3'),
    ]
    for (const change of changes) {
      const sealed = await change()
      const now = await read(amd64)
      for (const [age, state] of states.toReversed().entries()) {
        const result = await patched(read, amd64, state)
        // The history is three changes long.
        if (age < 3) assert.deepEqual(result, now)
        else assert.equal(result, undefined)
      }
      states.push(now)
      // A snapshot has the patches up to it.
      const then = reading(world, 'stable', `r${sealed.revision}`)
      assert.deepEqual(await patched(then, amd64, states.at(-2) ?? Buffer.alloc(0)), now)
    }
    assert.equal((await pdiffsOf(read, amd64)).length, 3)
    // Packages for all machines changed this one once: with base3, and it came back.
    assert.ok((await pdiffsOf(read, arm64)).length > 0)
    assert.deepEqual(await pdiffsOf(read, sources), [])
    assert.deepEqual(world.errors, [])
  })

  it('an index that a change leaves as it is keeps its patches as they are', async () => {
    await using world = await archiveWorld(open)
    const stable = await furnished(world, 5)
    await stable.add('base3', '2.0', { architecture: 'all' })
    const read = reading(world)
    const [before, patches] = [await read(`${arm64}.diff/Index`), await pdiffsOf(read, arm64)]
    await stable.add('base4', '2.0', { architecture: 'amd64' })
    await stable.set({ label: 'Another' })
    assert.deepEqual(await read(`${arm64}.diff/Index`), before)
    await read(`${arm64}.diff/${patches[0]?.name}.gz`)
    assert.equal((await pdiffsOf(read, amd64)).length, 2)
  })

  it('source packages have patches too, and the index of patches is found by its digest', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', { pdiffs: 5 })
    for (let i = 0; i < 8; i += 1) await stable.addSource(`source${i}`, '1.0-1')
    const read = reading(world)
    const old = await read(sources)
    await stable.addSource('source3', '1.1-1')
    assert.deepEqual(await patched(read, sources, old), await read(sources))
    const release = await world.text('dists/stable/Release')
    const [, digest = ''] = / ([0-9a-f]{64}) +\d+ main\/source\/Sources\.diff\/Index\n/.exec(release) ?? []
    assert.deepEqual(
      await world.bytes(`dists/stable/main/source/Sources.diff/by-hash/SHA256/${digest}`),
      await read(`${sources}.diff/Index`),
    )
    assert.doesNotMatch(release, /Sources\.diff\/.*\.gz/)
  })

  it('translations have patches too', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', { pdiffs: 5, translations: true, versions: 'newest' })
    const index = 'main/i18n/Translation-en'
    const described = async (name: string, version: string, long: string) => {
      const fields = `Package: ${name}\nVersion: ${version}\nArchitecture: amd64\nMaintainer: Nobody <nobody@example.org>\n`
      return await world.deb(name, version, { control: `${fields}Description: ${name}\n ${long}\n` })
    }
    const words = (i: number) => Array.from({ length: 40 }, (_, j) => (i * 7919 + j * 104_729) % 9973).join(' ')
    await stable.addPackages(...(await Promise.all([1, 2, 3, 4].map((i) => described(`tool${i}`, '1', words(i))))))
    const read = reading(world)
    const old = await read(index)
    await stable.addPackages(await described('tool2', '2', words(5)))
    await stable.addPackages(await described('tool3', '2', words(3)))
    await stable.remove({ name: 'tool4' })
    // The version with the same words changed nothing here.
    assert.equal((await pdiffsOf(read, index)).length, 2)
    assert.deepEqual(await patched(read, index, old), await read(index))
  })

  it('Contents have patches too', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', { pdiffs: 5, contents: true, versions: 'newest' })
    const files = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`usr/share/tool/${i}.txt`, `${i}`]))
    await stable.add('tool', '1.0', { architecture: 'amd64', files })
    await stable.add('other', '1.0', { files: { 'usr/share/other': 'x' } })
    const read = reading(world)
    const old = await read('main/Contents-amd64')
    await stable.add('tool', '2.0', { architecture: 'amd64', files: { ...files, 'usr/bin/tool': 'x' } })
    await stable.add('tool', '3.0', { architecture: 'amd64', files: { ...files, 'usr/zzz/tool': 'x' } })
    assert.deepEqual(await patched(read, 'main/Contents-amd64', old), await read('main/Contents-amd64'))
    assert.equal((await pdiffsOf(read, 'main/Contents-amd64')).length, 3)
  })

  it('patches have names of their own, also when several are made in one second, and stay there when they are old', async () => {
    await using world = await archiveWorld(open)
    const stable = await furnished(world, 2)
    const read = reading(world)
    const seen = new Map<string, Buffer>()
    for (let i = 2; i < 8; i += 1) {
      await stable.add('base4', `${i}.0`, { architecture: 'amd64' })
      const newest = (await pdiffsOf(read, amd64)).at(-1)?.name ?? ''
      assert.ok(!seen.has(newest), newest)
      seen.set(newest, await read(`${amd64}.diff/${newest}.gz`))
    }
    assert.deepEqual([...seen.keys()], [...seen.keys()].toSorted())
    // Who read the index of patches a while ago still finds them.
    for (const [name, bytes] of seen) assert.deepEqual(await read(`${amd64}.diff/${name}.gz`), bytes)
    await assert.rejects(read(`${amd64}.diff/2020-01-01-0000.00.gz`), refused('not-found'))
  })

  it('with fewer patches wanted the older ones go, with none all of them, and then a new history begins', async () => {
    await using world = await archiveWorld(open)
    const stable = await furnished(world, 4)
    const read = reading(world)
    const states: Buffer[] = []
    for (let i = 2; i < 6; i += 1) {
      states.push(await read(amd64))
      await stable.add('base4', `${i}.0`, { architecture: 'amd64' })
    }
    await stable.set({ pdiffs: 2 })
    assert.equal((await pdiffsOf(read, amd64)).length, 2)
    assert.deepEqual(await patched(read, amd64, states[2] ?? Buffer.alloc(0)), await read(amd64))
    await stable.set({ pdiffs: 0 })
    assert.deepEqual(await pdiffsOf(read, amd64), [])
    await assert.rejects(read(`${amd64}.diff/Index`), refused('not-found'))
    await stable.add('base4', '6.0', { architecture: 'amd64' })
    await stable.set({ pdiffs: 9 })
    const old = await read(amd64)
    assert.deepEqual(await pdiffsOf(read, amd64), [])
    await stable.add('base4', '7.0', { architecture: 'amd64' })
    assert.equal((await pdiffsOf(read, amd64)).length, 1)
    assert.deepEqual(await patched(read, amd64, old), await read(amd64))
    assert.equal(await patched(read, amd64, states[3] ?? Buffer.alloc(0)), undefined)
  })

  it('an index that goes takes its patches along, and has none when it comes back', async () => {
    await using world = await archiveWorld(open)
    const stable = await furnished(world, 4)
    const read = reading(world)
    await stable.set({ architectures: ['amd64', 'arm64', 'riscv64'] })
    const index = 'main/binary-riscv64/Packages'
    await stable.add('base3', '2.0', { architecture: 'all' })
    assert.equal((await pdiffsOf(read, index)).length, 1)
    await stable.set({ architectures: ['amd64'] })
    await assert.rejects(read(`${index}.diff/Index`), refused('not-found'))
    await stable.add('base3', '3.0', { architecture: 'all' })
    await stable.set({ architectures: ['amd64', 'riscv64'] })
    assert.deepEqual(await pdiffsOf(read, index), [])
  })

  it('a patch that is longer than the index is left out, and no patch leads over it', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', { pdiffs: 9, versions: 'newest' })
    const bases = await Promise.all(['one', 'two', 'three', 'four'].map((name) => world.deb(name, '1.0')))
    await stable.addPackages(...bases)
    const read = reading(world)
    const first = await read(amd64)
    await stable.add('one', '1.1')
    const second = await read(amd64)
    assert.deepEqual(await patched(read, amd64, first), second)
    // Not one line stays the same.
    const control =
      'Package: other\nVersion: 7\nArchitecture: amd64\nMaintainer: Nobody <nobody@example.org>\nDescription: new\n'
    const add = [{ packageId: await world.deb('other', '7', { control }) }]
    const gone = await world.db.read.selectFrom('package').select('id').where('architecture', '=', 'all').execute()
    await world.submit({ kind: 'edit', suite: 'stable', remove: gone.map(({ id }) => id), add })
    assert.deepEqual(await pdiffsOf(read, amd64), [])
    await stable.addPackages(...bases)
    assert.equal(await patched(read, amd64, second), undefined)
    await stable.remove(...['other', 'one', 'two', 'three', 'four'].map((name) => ({ name })))
    assert.equal((await read(amd64)).length, 0)
    assert.deepEqual(await pdiffsOf(read, amd64), [])
    await stable.rollback('r2')
    assert.deepEqual(await pdiffsOf(read, amd64), [])
    assert.deepEqual(await read(amd64), first)
  })

  it('patches from states that have expired go with the next change, and until then they are there', async () => {
    await using world = await archiveWorld(open)
    const stable = await furnished(world, 9)
    const read = reading(world)
    for (let i = 2; i < 7; i += 1) await stable.add('base4', `${i}.0`, { architecture: 'amd64' })
    const all = await pdiffsOf(read, amd64)
    assert.equal(all.length, 5)
    await world.db.write((trx) => trx.updateTable('workspace').set({ keep_revisions_seconds: 0 }).execute())
    // The first patch leads from r2 to r3; r5 is kept, and what leads away from it.
    const archive = await world.db.read.selectFrom('archive').select('id').executeTakeFirstOrThrow()
    await expireRevisions(world.db, archive.id, 4, { minimumAgeSeconds: 0 })
    assert.deepEqual(await pdiffsOf(read, amd64), all)
    for (const { name } of all) await read(`${amd64}.diff/${name}.gz`)
    const old = await read(amd64)
    await stable.add('base4', '7.0', { architecture: 'amd64' })
    const left = await pdiffsOf(read, amd64)
    assert.deepEqual(left.slice(0, -1), all.slice(-2))
    assert.deepEqual(await patched(read, amd64, old), await read(amd64))
    // Their bytes go when nothing retained has them.
    await expireRevisions(world.db, archive.id, 7, { minimumAgeSeconds: 0 })
    await using other = await world.another()
    const gone = `dists/stable/${amd64}.diff/${all[0]?.name}.gz`
    await assert.rejects(other.archives.resolve(world.workspace, gone), refused('not-found'))
    assert.deepEqual(await patched(read, amd64, old), await read(amd64))
  })

  it('chunks of an older version of this program, of which the lines are not on record, are counted once', async () => {
    await using world = await archiveWorld(open)
    const stable = await furnished(world, 4)
    await world.db.write((trx) => trx.updateTable('chunk').set({ text_lines: null }).execute())
    await using other = await world.another()
    const read = reading(world)
    const old = await read(amd64)
    const id = await world.deb('base10', '2.0', { architecture: 'amd64' })
    await other.archives.submit(
      world.workspace,
      { kind: 'add', suite: stable.name, packages: [{ packageId: id }] },
      { userId: null },
    )
    assert.deepEqual(await patched(read, amd64, old), await read(amd64))
    const uncounted = await world.db.read.selectFrom('chunk').select('id').where('text_lines', 'is', null).execute()
    assert.deepEqual(uncounted, [])
  })
})
