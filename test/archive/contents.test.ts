/** Contents indexes: what they list through the life of a suite. */
import assert from 'node:assert/strict'
import { gunzipSync } from 'node:zlib'
import { it } from 'node:test'
import { unpackIds } from '../../src/archive/chunk-table.ts'
import { parseSha256 } from '../../src/common/digest.ts'
import { Maintenance } from '../../src/maintenance/maintenance.ts'
import { type ArchiveWorld, archiveWorld, listedIn, openRooms } from '../support/archive-world.ts'
import { forEachDialect } from '../support/databases.ts'
import { keepListed } from '../support/listed-packages.ts'
import { recording } from '../support/recorded-statements.ts'

/** The lines of an index as `path package,package`, and that each of its forms is the same text. */
async function contents(world: ArchiveWorld, path: string, at = ''): Promise<string[]> {
  const plain = (await world.bytes(`${at}dists/${path}`)).toString('latin1')
  const packed = gunzipSync(await world.bytes(`${at}dists/${path}.gz`)).toString('latin1')
  assert.equal(packed, plain)
  const lines = plain.split('\n').slice(0, -1)
  assert.deepEqual(lines.map(pathIn), lines.map(pathIn).toSorted(), 'paths are in the order of their bytes')
  return lines.map((line) => line.replace(/ +(\S+)$/, ' $1'))
}

function pathIn(line: string): string {
  return line.replace(/ +\S+$/, '')
}

function files(...paths: string[]): { readonly files: Record<string, string> } {
  return { files: Object.fromEntries(paths.map((path) => [path, path])) }
}

async function listed(world: ArchiveWorld, suite: string): Promise<string[]> {
  const paths = [...listedIn(await world.text(`dists/${suite}/Release`)).keys()]
  return paths.filter((path) => path.includes('Contents'))
}

forEachDialect((_dialect, open) => {
  it('a suite has them only if it is set so, in plain and gz, and loses them when it is not', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', { architectures: ['amd64'] })
    await stable.add('hello', '1', { architecture: 'amd64', section: 'utils', ...files('usr/bin/hello') })
    assert.deepEqual(await listed(world, 'stable'), [])
    await stable.set({ contents: true })
    assert.deepEqual(await listed(world, 'stable'), ['main/Contents-amd64', 'main/Contents-amd64.gz'])
    assert.deepEqual(await contents(world, 'stable/main/Contents-amd64'), ['usr/bin/hello utils/hello'])

    await stable.set({ contents: false })
    assert.deepEqual(await listed(world, 'stable'), [])
    await assert.rejects(world.text('dists/stable/main/Contents-amd64'), { code: 'not-found' })
    await stable.add('other', '1', files('usr/share/other'))
    await stable.remove({ name: 'hello' })
    await stable.set({ contents: true })
    assert.deepEqual(await contents(world, 'stable/main/Contents-amd64'), ['usr/share/other misc/other'])
    // A snapshot has what there was.
    assert.deepEqual(await contents(world, 'stable/main/Contents-amd64', 'snapshot/r3/'), ['usr/bin/hello utils/hello'])
  })

  it('a path has one line, with every package that has it, for its architecture or for all', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', { contents: true, architectures: ['amd64', 'arm64'] })
    const shared = 'usr/share/shared'
    await stable.addPackages(
      await world.deb('bb', '1', { architecture: 'amd64', section: 'net', ...files(shared, 'usr/bin/b') }),
      await world.deb('aa', '1', { architecture: 'all', section: 'doc', ...files(shared) }),
      await world.deb('cc', '1', { architecture: 'arm64', section: 'contrib/net', ...files(shared, 'usr/bin/c') }),
    )
    assert.deepEqual(await contents(world, 'stable/main/Contents-amd64'), [
      'usr/bin/b net/bb',
      'usr/share/shared doc/aa,net/bb',
    ])
    assert.deepEqual(await contents(world, 'stable/main/Contents-arm64'), [
      'usr/bin/c contrib/net/cc',
      'usr/share/shared contrib/net/cc,doc/aa',
    ])
    await stable.remove({ name: 'aa' })
    assert.deepEqual(await contents(world, 'stable/main/Contents-amd64'), [
      'usr/bin/b net/bb',
      'usr/share/shared net/bb',
    ])
  })

  it('of several versions of a package each path is listed, once, until the last version that has it goes', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', { contents: true, architectures: ['amd64'] })
    await stable.add('xx', '1', files('both', 'old'))
    await stable.add('xx', '2', files('both', 'new'))
    const of = (at?: string) => contents(world, 'stable/main/Contents-amd64', at)
    assert.deepEqual(await of(), ['both misc/xx', 'new misc/xx', 'old misc/xx'])
    await stable.remove({ name: 'xx', version: '1' })
    assert.deepEqual(await of(), ['both misc/xx', 'new misc/xx'])
    await stable.rollback('r3')
    assert.deepEqual(await of(), ['both misc/xx', 'new misc/xx', 'old misc/xx'])
    await stable.remove({ name: 'xx' })
    assert.deepEqual(await of(), [])
    await stable.rollback('r2')
    assert.deepEqual(await of(), ['both misc/xx', 'old misc/xx'])
    await stable.set({ versions: 'newest' })
    await stable.add('xx', '3', files('newest'))
    assert.deepEqual(await of(), ['newest misc/xx'])
    assert.deepEqual(await of('snapshot/r3/'), ['both misc/xx', 'new misc/xx', 'old misc/xx'])
  })

  it('a package stands below the section that its suite gives it, in the component where it is', async () => {
    await using world = await archiveWorld(open)
    const settings = { contents: true, architectures: ['amd64'], components: ['main', 'contrib'] }
    const stable = await world.suite('stable', settings)
    const [one, two] = [
      await world.deb('xx', '1', { section: 'net', ...files('a', 'b') }),
      await world.deb('xx', '2', { section: 'net', ...files('b', 'c') }),
    ]
    await stable.addPackages({ packageId: one, section: 'web' }, two)
    assert.deepEqual(await contents(world, 'stable/main/Contents-amd64'), ['a web/xx', 'b net/xx,web/xx', 'c net/xx'])
    await stable.addPackages({ packageId: one })
    assert.deepEqual(await contents(world, 'stable/main/Contents-amd64'), ['a net/xx', 'b net/xx', 'c net/xx'])
    await stable.addPackages({ packageId: two, component: 'contrib', section: 'contrib/net' })
    assert.deepEqual(await contents(world, 'stable/main/Contents-amd64'), ['a net/xx', 'b net/xx'])
    assert.deepEqual(await contents(world, 'stable/contrib/Contents-amd64'), ['b contrib/net/xx', 'c contrib/net/xx'])

    const testing = await world.suite('testing', settings)
    await world.submit({
      kind: 'copy',
      suite: 'testing',
      from: { suite: 'stable' },
      packages: [{ name: 'xx', version: '2' }],
    })
    assert.deepEqual(await contents(world, 'testing/contrib/Contents-amd64'), ['b contrib/net/xx', 'c contrib/net/xx'])
    assert.deepEqual(await contents(world, 'testing/main/Contents-amd64'), [])
    await testing.remove({ name: 'xx' })
    assert.deepEqual(await contents(world, 'testing/contrib/Contents-amd64'), [])
  })

  it('installer packages and debug symbols have their own', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', { contents: true, architectures: ['amd64'] })
    const udeb = { extraControl: 'Package-Type: udeb\n', section: 'debian-installer' }
    const debug = { extraControl: 'Auto-Built-Package: debug-symbols\n', section: 'debug' }
    await stable.addPackages(
      await world.deb('xx', '1', files('bin/x')),
      await world.deb('xx-udeb', '1', { ...udeb, ...files('bin/x') }),
      await world.deb('xx-dbgsym', '1', { architecture: 'amd64', ...debug, ...files('usr/lib/debug/x') }),
    )
    assert.deepEqual(await contents(world, 'stable/main/Contents-amd64'), ['bin/x misc/xx'])
    assert.deepEqual(await contents(world, 'stable/main/Contents-udeb-amd64'), ['bin/x debian-installer/xx-udeb'])
    assert.deepEqual(await contents(world, 'stable/main/debug/Contents-amd64'), ['usr/lib/debug/x debug/xx-dbgsym'])
  })

  it('packages for all architectures have their own, where the suite is set so', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', { contents: true, architectures: ['amd64', 'arm64'] })
    await stable.addPackages(
      await world.deb('native', '1', { architecture: 'amd64', ...files('bin/native', 'share') }),
      await world.deb('data', '1', files('data', 'share')),
    )
    const both = ['bin/native misc/native', 'data misc/data', 'share misc/data,misc/native']
    assert.deepEqual(await contents(world, 'stable/main/Contents-amd64'), both)
    await stable.set({ architectureAll: 'separate' })
    const paths = ['all', 'amd64', 'arm64'].map((architecture) => `main/Contents-${architecture}`)
    assert.deepEqual(
      await listed(world, 'stable'),
      paths.flatMap((path) => [path, `${path}.gz`]),
    )
    assert.deepEqual(await contents(world, 'stable/main/Contents-all'), ['data misc/data', 'share misc/data'])
    assert.deepEqual(await contents(world, 'stable/main/Contents-amd64'), [
      'bin/native misc/native',
      'share misc/native',
    ])
    assert.deepEqual(await contents(world, 'stable/main/Contents-arm64'), [])
    await stable.add('more', '1', files('share'))
    assert.deepEqual(await contents(world, 'stable/main/Contents-all'), ['data misc/data', 'share misc/data,misc/more'])
    await stable.set({ architectureAll: 'merged' })
    assert.deepEqual(await contents(world, 'stable/main/Contents-arm64'), [
      'data misc/data',
      'share misc/data,misc/more',
    ])
    await stable.remove({ name: 'more' })
    assert.deepEqual(await contents(world, 'stable/main/Contents-amd64'), both)
  })

  it('paths keep their bytes and the order of these', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', { contents: true, architectures: ['amd64'] })
    const paths = ['a\xff', 'a\xe9', 'a\xf0\x9d\x84\x9e', 'a\xef\xac\x80', 'a b', 'a-b', 'a/b', 'A', 'a,b', 'a\tb']
    await stable.add('xx', '1', { ...files(...paths), pathEncoding: 'latin1' })
    const lines = await contents(world, 'stable/main/Contents-amd64')
    assert.deepEqual(
      lines,
      paths.toSorted().map((path) => `${path} misc/xx`),
    )
    await stable.add('yy', '1', { ...files('a\xff', 'a\xfe'), pathEncoding: 'latin1' })
    const more = await contents(world, 'stable/main/Contents-amd64')
    assert.deepEqual(more.slice(-2), ['a\xfe misc/yy', 'a\xff misc/xx,misc/yy'])
  })

  it('a package whose bytes nobody has read has no lines, and its going takes none', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', { contents: true, architectures: ['amd64'] })
    const claimed = await world.deb('claimed', '1', files('usr/share/claimed', 'usr/share/known'))
    await world.db.write((trx) => trx.deleteFrom('package_contents').where('package_id', '=', claimed).execute())
    await stable.addPackages(claimed, await world.deb('known', '1', files('usr/share/known')))
    assert.deepEqual(await contents(world, 'stable/main/Contents-amd64'), ['usr/share/known misc/known'])
    await stable.remove({ name: 'claimed' })
    assert.deepEqual(await contents(world, 'stable/main/Contents-amd64'), ['usr/share/known misc/known'])
  })

  it('a package that was purged can still be taken out', async () => {
    await using world = await archiveWorld(open)
    const { db: database, storage, archives } = world
    const stable = await world.suite('stable', { contents: true, architectures: ['amd64'] })
    await stable.add('leak', '1', files('usr/share/leak', 'usr/share/both'))
    await stable.add('kept', '1', files('usr/share/both'))
    const { items } = await archives.packages(world.workspace, { suite: 'stable' }, { limit: 10, name: 'leak' })
    const sha256 = parseSha256(items[0]?.sha256 ?? '') ?? assert.fail('it is listed')
    const ages = { leftoverMs: 0, unneededMs: 0, graceMs: 0 }
    await using maintenance = new Maintenance({ database, storage, archives, ages })
    await maintenance.purge({ sha256, reason: 'a key', userId: null })
    assert.ok((await Array.fromAsync(maintenance.vacuum())).length > 0)
    await stable.remove({ name: 'leak' })
    assert.deepEqual(await contents(world, 'stable/main/Contents-amd64'), ['usr/share/both misc/kept'])
  })

  it('one package costs the same in a suite of a thousand paths and of fifty thousand', async () => {
    const costs: object[] = []
    for (const count of [20, 1000]) {
      await using world = await archiveWorld(open)
      const { database, rows } = recording(world.db)
      await using rooms = await openRooms(database, world.dataDirectory)
      const packages = Array.from({ length: count }, (_, i) => ({
        name: `package-${i}`,
        paths: Array.from({ length: 50 }, (_, file) => `usr/share/package-${i}/${'x'.repeat(60)}/${file}`),
      }))
      const ids = await keepListed(world.db, packages)
      const [more = 0] = await keepListed(world.db, [{ name: 'package-5-more', paths: ['usr/share/package-5/more'] }])
      const submit = (request: Parameters<typeof rooms.archives.submit>[1]) =>
        rooms.archives.submit(world.workspace, request, { userId: null })
      await submit({ kind: 'suite-create', suite: 'stable', settings: { contents: true, architectures: ['amd64'] } })
      await submit({ kind: 'add', suite: 'stable', packages: ids.map((packageId) => ({ packageId })) })
      const chunks = await chunksOfContents(world)
      assert.ok(count === 20 ? chunks.size === 1 : chunks.size > 15, `${chunks.size} chunks`)

      for (const request of [
        { kind: 'add', suite: 'stable', packages: [{ packageId: more }] },
        { kind: 'remove', suite: 'stable', packages: [{ name: 'package-5-more' }] },
        { kind: 'copy', suite: 'stable', from: { suite: 'stable' } },
        { kind: 'rollback', suite: 'stable', to: 'r3' },
      ] as const) {
        const before = await chunksOfContents(world)
        rows.clear()
        await submit(request)
        const asked = [...rows].filter(([statement]) => statement.includes('from "package_contents"'))
        costs.push({
          kind: request.kind,
          count,
          lists: asked.reduce((sum, [, given]) => sum + given, 0),
          newChunks: (await chunksOfContents(world)).difference(before).size,
        })
      }
      assert.match(
        await world.text('dists/stable/main/Contents-amd64'),
        /^usr\/share\/package-5\/more +misc\/package-5-more$/m,
      )
    }
    const cost = (kind: string, lists: number, newChunks: number) =>
      [20, 1000].map((count) => ({ kind, count, lists, newChunks }))
    const expected = [cost('add', 1, 1), cost('remove', 1, 1), cost('copy', 0, 0), cost('rollback', 1, 1)]
    assert.deepEqual(costs, [...expected.map(([small]) => small), ...expected.map(([, large]) => large)])
  })
})

/** The chunks of the Contents that suites have now. */
async function chunksOfContents(world: ArchiveWorld): Promise<Set<number>> {
  const maps = await world.db.read
    .selectFrom('suite_map')
    .innerJoin('index_map', 'index_map.id', 'suite_map.map_id')
    .select('index_map.chunks')
    .where('suite_map.map_kind', '=', 'contents')
    .where('suite_map.until_revision', 'is', null)
    .execute()
  return new Set(maps.flatMap((map) => unpackIds(map.chunks)))
}
