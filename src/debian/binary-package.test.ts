import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { execFileSync, spawnSync } from 'node:child_process'
import type { ExecFileSyncOptionsWithStringEncoding } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeDeb } from '../../test/support/make-deb.ts'
import type { DebRecipe } from '../../test/support/make-deb.ts'
import type { Sha256 } from '../common/digest.ts'
import { describeBinary, renderPackagesEntry } from './binary-package.ts'
import type { BinaryPackage } from './binary-package.ts'
import { bufferSource } from './byte-source.ts'
import { readDeb } from './deb-package.ts'
import { parseParagraph, parseParagraphs } from './deb822.ts'

async function describe(bytes: Buffer, fileName = 'x.deb'): Promise<BinaryPackage> {
  const sha256 = createHash('sha256').update(bytes).digest('hex') as Sha256
  const md5 = createHash('md5').update(bytes).digest('hex')
  return describeBinary(await readDeb(bufferSource(bytes), { fileName }), { size: bytes.length, md5, sha256 })
}

async function made(recipe: Partial<DebRecipe>, fileName?: string): Promise<BinaryPackage> {
  return describe(makeDeb({ name: 'hello', version: '1:2.0-3', ...recipe }), fileName)
}

test('a package without a Source field is its own source', async () => {
  const { sourceName, sourceVersion, name, version, kind } = await made({})
  assert.deepEqual([sourceName, sourceVersion, name, version, kind], ['hello', '1:2.0-3', 'hello', '1:2.0-3', 'deb'])
})

test('the source may have another name and version', async () => {
  const renamed = await made({ source: 'hi' })
  assert.deepEqual([renamed.sourceName, renamed.sourceVersion], ['hi', '1:2.0-3'])
  const rebuilt = await made({ version: '2.0-3+b1', source: 'hi (2.0-3)' })
  assert.deepEqual([rebuilt.sourceName, rebuilt.sourceVersion], ['hi', '2.0-3'])
  await assert.rejects(made({ source: '../hi' }), { code: 'control-invalid' })
})

test('a udeb is known by its control file or by its file name', async () => {
  assert.equal((await made({ extraControl: 'Package-Type: udeb\n' })).kind, 'udeb')
  assert.equal((await made({}, 'hello.udeb')).kind, 'udeb')
})

test('debug symbols are known by their mark, or by name and section', async () => {
  assert((await made({ extraControl: 'Auto-Built-Package: debug-symbols\n' })).debugSymbols)
  assert((await made({ name: 'hello-dbgsym', section: 'debug' })).debugSymbols)
  assert(!(await made({ name: 'hello-dbgsym' })).debugSymbols)
  assert(!(await made({ section: 'debug' })).debugSymbols)
})

test('an entry has its file name, its overrides, and an empty line at its end', async () => {
  const { stanza } = await made({ section: 'misc', priority: 'extra' })
  const filename = 'pool/main/h/hello/hello_2.0-3_all.deb'
  const plain = renderPackagesEntry({ stanza, filename, section: null, priority: null })
  assert(plain.endsWith('\n A package that exists for a test.\n\n'))
  assert.equal(plain.replace(`Filename: ${filename}\n`, ''), `${stanza}\n`)
  const overridden = parseParagraph(
    renderPackagesEntry({ stanza, filename, section: 'contrib/net', priority: 'required' }),
  )
  assert.equal(overridden.get('Section'), 'contrib/net')
  assert.equal(overridden.get('Priority'), 'required')
  assert.equal(overridden.get('Filename'), filename)
  assert.equal(overridden.get('Description'), parseParagraph(stanza).get('Description'))
})

test('overrides are added where the package has no section', async () => {
  const stanza = 'Package: a\nSize: 1\nDescription: x\n Section: y\n'
  const entry = renderPackagesEntry({ stanza, filename: 'f', section: 'net', priority: null })
  assert.equal(entry, 'Package: a\nFilename: f\nSize: 1\nDescription: x\n Section: y\nSection: net\n\n')
})

test('a control file cannot claim the facts about its file', async () => {
  const lies = 'Filename: ../../x\nsize: 1\nMD5Sum: 0\nSHA1: 0\nsha256: 0\nSHA512: 0\n'
  assert.equal(
    (await made({ extraControl: lies })).stanza.replaceAll(/^(Size|MD5sum|SHA256): .*\n/gm, ''),
    (await made({})).stanza.replaceAll(/^(Size|MD5sum|SHA256): .*\n/gm, ''),
  )
})

test('a section is one word', async () => {
  await assert.rejects(made({ section: 'a\n b' }), { code: 'control-invalid' })
})

const scanner = spawnSync('dpkg-scanpackages', ['--version']).status === 0

test(
  'entries say what dpkg-scanpackages says',
  { skip: scanner ? false : 'dpkg-scanpackages is not installed' },
  async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'ashlar-scan-'))
    t.after(() => rmSync(directory, { recursive: true }))
    const recipes: DebRecipe[] = [
      { name: 'aa', version: '1', compression: 'gz', depends: 'bb (>= 1),\n cc' },
      { name: 'bb', version: '1:1.0-1+b1', architecture: 'amd64', source: 'bs (1:1.0-1)', compression: 'xz' },
      {
        name: 'cc',
        version: '0~1',
        extraControl: 'Homepage: https://example.org/ü\nX-Own: 1\nTag: a,\n b\nMulti-Arch: foreign\n',
      },
      { name: 'dd', version: '2.0', section: 'contrib/net', priority: 'extra', extraControl: 'Suggests:\nMd5Sum: 1\n' },
    ]
    const expected = new Map<string, Map<string, string>>()
    for (const recipe of recipes) {
      const bytes = makeDeb(recipe)
      writeFileSync(join(directory, `${recipe.name}.deb`), bytes)
      const { stanza } = await describe(bytes)
      expected.set(
        recipe.name,
        asMap(renderPackagesEntry({ stanza, filename: `./${recipe.name}.deb`, section: null, priority: null })),
      )
    }
    const options: ExecFileSyncOptionsWithStringEncoding = { cwd: directory, encoding: 'utf8', stdio: 'pipe' }
    const said = execFileSync('dpkg-scanpackages', ['--multiversion', '--hash', 'md5,sha256', '.'], options)
    const entries = parseParagraphs(said)
    assert.equal(entries.length, recipes.length)
    for (const entry of entries) {
      const fields = new Map(entry.fields.map(([name, value]) => [name.toLowerCase(), value]))
      assert.deepEqual(expected.get(entry.require('Package')), fields)
    }
  },
)

function asMap(text: string): Map<string, string> {
  return new Map(parseParagraph(text).fields.map(([name, value]) => [name.toLowerCase(), value]))
}
