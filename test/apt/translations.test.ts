/** Long descriptions apart from Packages, beside what apt-ftparchive makes of the same pool, and as the real apt shows them. */
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
import { publish } from '../support/upload.ts'

const found = await realPackages()
const skip = 'missing' in found ? `no packages of Debian: ${found.missing}` : false

/** What real packages seldom have: versions that say the same or not, a short line alone, odd blanks and letters. */
const made: readonly DebRecipe[] = [
  { name: 'same', version: '1', description: 'one text\n For both versions.' },
  { name: 'same', version: '2', description: 'one text\n For both versions.' },
  { name: 'other', version: '1', architecture: 'amd64', description: 'one text\n For this version.' },
  { name: 'other', version: '2', architecture: 'amd64', description: 'one text\n For that version.\n .\n  And more.' },
  { name: 'short', version: '1', description: 'nothing more to say' },
  { name: 'odd', version: '1', description: 'grüße:  und mehr\n   indented\n .\n\ttab, and a trailing blank ' },
]

/** The stanzas of an index, each as its fields in the order of their names, sorted. */
function stanzas(text: string, fields: readonly string[]): string[] {
  const own = text.split('\n\n').filter((stanza) => stanza.trim() !== '')
  return own
    .map((stanza) =>
      stanza
        .split(/\n(?![ \t])/)
        .filter((field) => fields.includes(field.slice(0, field.indexOf(':'))))
        .toSorted()
        .join('\n')
        .trimEnd(),
    )
    .toSorted()
}

async function ftparchive(home: string): Promise<{ packages: string; translation: string }> {
  for (const directory of ['dists/stable/main/binary-amd64', 'dists/stable/main/i18n', 'cache']) {
    await mkdir(join(home, directory), { recursive: true })
  }
  const configuration = `
    Dir { ArchiveDir "${home}"; CacheDir "${home}/cache"; };
    Default { Packages::Compress "."; Translation::Compress "."; LongDescription "false"; };
    TreeDefault {
      Directory "pool"; BinCacheDB "cache.db";
      Packages "$(DIST)/main/binary-$(ARCH)/Packages"; Translation "$(DIST)/main/i18n/Translation-en";
    };
    Tree "dists/stable" { Sections "main"; Architectures "amd64"; };`
  await writeFile(join(home, 'ftparchive.conf'), configuration)
  const { code, output } = await run('apt-ftparchive', ['generate', join(home, 'ftparchive.conf')])
  assert.equal(code, 0, output)
  return {
    packages: await readFile(join(home, 'dists/stable/main/binary-amd64/Packages'), 'utf8'),
    translation: await readFile(join(home, 'dists/stable/main/i18n/Translation-en'), 'utf8'),
  }
}

forEachDialect((_dialect, open) => {
  it('of the same packages they say what those of apt-ftparchive say', { skip }, async () => {
    if (!('path' in found)) return
    await using home = await temporaryDirectory()
    const pool = join(home.path, 'pool')
    await mkdir(pool)
    for (const name of await readdir(found.path)) await copyFile(join(found.path, name), join(pool, name))
    for (const recipe of made) {
      const { name, version, architecture = 'all' } = recipe
      await writeFile(join(pool, `${name}_${version}_${architecture}.deb`), makeDeb(recipe))
    }
    const theirs = await ftparchive(home.path)

    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', { translations: true, architectures: ['amd64'] })
    const ids: number[] = []
    for (const name of await readdir(pool)) ids.push(await world.ingest(name, await readFile(join(pool, name))))
    // Half of it at once, the rest in small portions.
    const half = Math.ceil(ids.length / 2)
    await stable.addPackages(...ids.slice(0, half))
    for (let start = half; start < ids.length; start += 5) await stable.addPackages(...ids.slice(start, start + 5))

    const entry = ['Package', 'Version', 'Architecture', 'Description', 'Description-md5']
    const packages = stanzas(await world.text('dists/stable/main/binary-amd64/Packages'), entry)
    assert.ok(packages.length > 20)
    assert.deepEqual(packages, stanzas(theirs.packages, entry))
    const text = ['Package', 'Description-md5', 'Description-en']
    const translation = stanzas(await world.text('dists/stable/main/i18n/Translation-en'), text)
    assert.ok(translation.length > 20)
    assert.deepEqual(translation, stanzas(theirs.translation, text))
  })
})

test(
  'apt shows the long text, before and after the suite keeps it apart',
  { skip: (await aptMissing()) ?? false },
  async () => {
    await using home = await temporaryDirectory()
    await using server = await serve({ home: home.path })
    await server.workspace.createSuite({ name: 'stable' })
    const description = 'greets\n Says hello to whom it meets.\n .\n Often.'
    await publish(server, 'stable', {
      'hello_1_amd64.deb': makeDeb({ name: 'hello', version: '1', architecture: 'amd64', description }),
    })
    await using apt = await aptRoot()
    await apt.source(await server.workspace.sources('stable'))
    const shown = async (): Promise<string> => {
      const { code, output } = await apt.update()
      assert.equal(code, 0, output)
      const { stdout } = await apt.cache('show', 'hello')
      return /^Description(?:-en)?: ((?:.|\n )*)/m.exec(stdout)?.[1] ?? stdout
    }
    assert.equal(await shown(), description)
    const set = await server.ashlar('suite', 'set', 'stable', '--translations', '--architecture-all', 'separate')
    assert.equal(set.code, 0, set.stderr)
    assert.equal(await shown(), description)
    const lists = await readdir(apt.file('var/lib/apt/lists'))
    assert.ok(
      lists.some((name) => name.endsWith('_main_i18n_Translation-en')),
      lists.join(),
    )
    assert.ok(!lists.some((name) => name.includes('binary-all')), lists.join())
    const packages = lists.find((name) => name.endsWith('_binary-amd64_Packages')) ?? ''
    assert.doesNotMatch(await readFile(apt.file(`var/lib/apt/lists/${packages}`), 'utf8'), /Often/)
    assert.equal((await apt.get('install', 'hello')).code, 0)

    const back = await server.ashlar('suite', 'set', 'stable', '--no-translations', '--architecture-all', 'merged')
    assert.equal(back.code, 0, back.stderr)
    assert.equal(await shown(), description)
  },
)
