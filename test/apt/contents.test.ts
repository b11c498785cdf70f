/** Contents indexes beside those that apt-ftparchive makes of the same packages, and as the real apt-file reads them. */
import assert from 'node:assert/strict'
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { it, test } from 'node:test'
import { archiveWorld } from '../support/archive-world.ts'
import { aptMissing, aptRoot, run } from '../support/apt-root.ts'
import { forEachDialect } from '../support/databases.ts'
import { type DebRecipe, makeDeb } from '../support/make-deb.ts'
import { realPackages } from '../support/real-packages.ts'
import { serve } from '../support/serve.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const found = await realPackages()
const skip = 'missing' in found ? `no packages of Debian: ${found.missing}` : false

/** What real packages seldom have: shared paths, several versions, sections of other areas, names that are no text. */
const made: readonly DebRecipe[] = [
  { name: 'twice', version: '1', architecture: 'amd64', files: { 'usr/share/common': '', 'usr/share/old': '' } },
  { name: 'twice', version: '2', architecture: 'amd64', files: { 'usr/share/common': '', 'usr/share/new': '' } },
  { name: 'other', version: '1', section: 'contrib/net', files: { 'usr/share/common': '', 'usr/share/common.d': '' } },
  { name: 'moved', version: '1', section: 'net', files: { 'usr/share/common': '', 'usr/share/common-2/x': '' } },
  { name: 'bytes', version: '1', pathEncoding: 'latin1', files: { 'a b': '', 'a,b': '', 'caf\xe9': '', '\xff': '' } },
]

/** The lines as `path label,label`, however they are filled up, and in whatever order their labels stand. */
function lines(text: Buffer): string[] {
  const all = text.toString('latin1').split('\n').slice(0, -1)
  return all.map((line) => {
    const [, path = '', labels = ''] = /^(.*\S)\s+(\S+)$/.exec(line) ?? []
    return `${path} ${labels.split(',').toSorted().join()}`
  })
}

/** @returns what apt-ftparchive says of the packages in a pool, where one of them has another section. */
async function ftparchive(home: string, override: string): Promise<string[]> {
  await mkdir(join(home, 'dists/stable/main/binary-amd64'), { recursive: true })
  await mkdir(join(home, 'cache'))
  await writeFile(join(home, 'override'), `${override}\n`)
  const configuration = `
    Dir { ArchiveDir "${home}"; CacheDir "${home}/cache"; OverrideDir "${home}"; };
    Default { Packages::Compress ". gzip"; Contents::Compress "."; };
    TreeDefault {
      Directory "pool"; BinCacheDB "cache.db";
      Packages "$(DIST)/main/binary-$(ARCH)/Packages"; Contents "$(DIST)/main/Contents-$(ARCH)";
    };
    Tree "dists/stable" { Sections "main"; Architectures "amd64"; BinOverride "override"; };`
  await writeFile(join(home, 'ftparchive.conf'), configuration)
  const { code, output } = await run('apt-ftparchive', ['generate', join(home, 'ftparchive.conf')])
  assert.equal(code, 0, output)
  return lines(await readFile(join(home, 'dists/stable/main/Contents-amd64')))
}

function without(some: readonly string[], others: readonly string[]): string[] {
  const known = new Set(others)
  return some.filter((line) => !known.has(line))
}

forEachDialect((_dialect, open) => {
  it('of the same packages it says what apt-ftparchive says, line by line', { skip }, async () => {
    if (!('path' in found)) return
    await using home = await temporaryDirectory()
    const pool = join(home.path, 'pool')
    await mkdir(pool)
    for (const name of await readdir(found.path)) await copyFile(join(found.path, name), join(pool, name))
    for (const recipe of made) {
      const { name, version, architecture = 'all' } = recipe
      await writeFile(join(pool, `${name}_${version}_${architecture}.deb`), makeDeb(recipe))
    }
    const theirs = await ftparchive(home.path, 'moved optional contrib/web')

    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', { contents: true, architectures: ['amd64'] })
    const packages: Parameters<typeof stable.addPackages> = []
    for (const name of await readdir(pool)) {
      const packageId = await world.ingest(name, await readFile(join(pool, name)))
      packages.push(
        name.startsWith('moved_') ? { packageId, section: 'contrib/web', component: 'main' } : { packageId },
      )
    }
    // Half of it at once, the other half one by one.
    const half = packages.length / 2
    await stable.addPackages(...packages.slice(0, half))
    for (const one of packages.slice(half)) await stable.addPackages(one)
    const ours = lines(await world.bytes('dists/stable/main/Contents-amd64'))
    assert.ok(ours.length > 1000)
    assert.deepEqual([without(ours, theirs), without(theirs, ours)], [[], []])
    assert.deepEqual(ours, theirs)
  })
})

const hasAptFile = (await run('apt-file', ['--help']).catch(() => ({ code: 127 }))).code === 0
const missing = (await aptMissing()) ?? (hasAptFile ? false : 'there is no apt-file on this machine')

test('apt-file finds the package of a file, and follows what the suite becomes', { skip: missing }, async () => {
  await using home = await temporaryDirectory()
  await using server = await serve({ home: home.path })
  await server.workspace.createSuite({ name: 'stable', contents: true, components: ['main', 'contrib'] })
  const upload = async (recipe: DebRecipe): Promise<void> => {
    const path = join(home.path, `${recipe.name}_${recipe.version}_${recipe.architecture ?? 'all'}.deb`)
    await writeFile(path, makeDeb(recipe))
    const { code, stderr } = await server.ashlar('upload', '--suite', 'stable', path)
    assert.equal(code, 0, stderr)
  }
  await upload({
    name: 'tool',
    version: '1',
    architecture: 'amd64',
    files: { 'usr/bin/tool': '', 'usr/bin/second': '' },
  })
  await upload({ name: 'tool-data', version: '1', section: 'contrib/misc', files: { 'usr/share/tool/data': '' } })
  await upload({ name: 'foreign', version: '1', architecture: 'arm64', files: { 'usr/bin/foreign': '' } })

  await using root = await aptRoot()
  await copyFile('/etc/apt/apt.conf.d/50apt-file.conf', root.file('etc/apt/apt.conf.d/50apt-file.conf'))
  await root.source(await server.workspace.sources('stable'))
  const aptFile = async (...words: string[]): Promise<string[]> => {
    const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8', APT_CONFIG: root.file('apt.conf') }
    const { stdout, output, code } = await run('apt-file', words, { env })
    assert.ok(code === 0 || output === '', output)
    return stdout.trim().split('\n')
  }
  const update = async (): Promise<void> => {
    const { code, output } = await root.update()
    assert.equal(code, 0, output)
  }
  await update()
  assert.deepEqual(await aptFile('search', 'usr/bin/'), ['tool: /usr/bin/second', 'tool: /usr/bin/tool'])
  assert.deepEqual(await aptFile('search', 'tool/data'), ['tool-data: /usr/share/tool/data'])
  assert.deepEqual(await aptFile('list', 'tool'), ['tool: /usr/bin/second', 'tool: /usr/bin/tool'])

  await upload({ name: 'second', version: '1', files: { 'usr/bin/second': '' } })
  await update()
  assert.deepEqual(await aptFile('search', 'bin/second'), ['second: /usr/bin/second', 'tool: /usr/bin/second'])

  const { code, stderr } = await server.ashlar('suite', 'set', 'stable', '--architecture-all', 'separate')
  assert.equal(code, 0, stderr)
  await update()
  assert.ok((await readdir(root.file('var/lib/apt/lists'))).some((name) => /_main_Contents-all/.test(name)))
  assert.deepEqual(await aptFile('search', 'tool/data'), ['tool-data: /usr/share/tool/data'])
  assert.deepEqual(await aptFile('search', 'bin/second'), ['second: /usr/bin/second', 'tool: /usr/bin/second'])
})
