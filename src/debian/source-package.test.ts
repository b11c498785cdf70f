import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import type { ExecFileSyncOptionsWithStringEncoding } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { makeSource } from '../../test/support/make-deb.ts'
import { parseParagraph } from './deb822.ts'
import { readSource, renderSourcesEntry } from './source-package.ts'

const files = makeSource({ name: 'hello', version: '1:2.0' })
const dsc = files['hello_2.0.dsc']?.toString() ?? ''

function changed(from: string | RegExp, to: string): Buffer {
  const text = dsc.replace(from, to)
  assert.notEqual(text, dsc)
  return Buffer.from(text)
}

function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'ashlar-source-'))
  t.after(() => rmSync(directory, { recursive: true }))
  return directory
}

function has(...command: [string, ...string[]]): boolean {
  return spawnSync(command[0], command.slice(1)).status === 0
}

test('a .dsc tells name, version, what it builds and its files, itself first', () => {
  const source = readSource(Buffer.from(dsc), 'hello_2.0.dsc')
  assert.deepEqual(
    [source.name, source.version, source.architectures, source.binaries],
    ['hello', '1:2.0', ['all'], ['hello']],
  )
  assert.deepEqual([source.section, source.priority], [null, null])
  assert.deepEqual(
    source.files.map(({ name, size }) => [name, size]),
    Object.entries(files).map(([name, bytes]) => [name, bytes.length]),
  )
})

test('an entry has its directory, its overrides, and an empty line at its end', () => {
  const { stanza } = readSource(Buffer.from(dsc), 'hello_2.0.dsc')
  const entry = renderSourcesEntry({ stanza, directory: 'pool/main/h/hello', section: 'net', priority: 'optional' })
  assert(entry.startsWith('Package: hello\n') && entry.endsWith('\n\n'))
  const paragraph = parseParagraph(entry)
  assert.deepEqual(
    ['Directory', 'Section', 'Priority', 'Source'].map((name) => paragraph.get(name)),
    ['pool/main/h/hello', 'net', 'optional', undefined],
  )
})

test('lists that lead elsewhere or disagree are refused', () => {
  const bad: [Buffer, string][] = [
    [changed(/hello_2.0.tar.gz$/m, '../hello_2.0.tar.gz'), 'upload-inconsistent'],
    [changed(/hello_2.0.tar.gz$/gm, '../hello_2.0.tar.gz'), 'control-invalid'],
    [changed(/hello_2.0.tar.gz$/gm, 'other_2.0.tar.gz'), 'control-invalid'],
    [changed(/hello_2.0.tar.gz$/gm, 'hello_2.0.dsc'), 'control-invalid'],
    [changed(/hello_2.0.tar.gz$/m, 'hello_3.0.tar.gz'), 'upload-inconsistent'],
    [changed(/ (\d+) hello_2.0.tar.gz$/m, ' 1$1 hello_2.0.tar.gz'), 'upload-inconsistent'],
    [changed(/ \d+ hello_2.0.tar.gz$/gm, ' -1 hello_2.0.tar.gz'), 'control-invalid'],
    [changed(/^( \S+ \d+ hello_2.0.tar.gz)$/gm, '$1\n$1'), 'control-invalid'],
    [changed(/Checksums-Sha256:\n .*\n/, ''), 'control-invalid'],
    [changed(/Files:\n .*\n/, ''), 'control-invalid'],
    [changed('3.0 (native)', '3.0 (git)'), 'control-invalid'],
    [changed('Source: hello', 'Source: ../hello'), 'control-invalid'],
    [changed('Version: 1:2.0', 'Version: 2 0'), 'control-invalid'],
    [changed('Architecture: all', 'Architecture: a/b'), 'control-invalid'],
    [changed('Format', 'Format: 1.0\n\nFormat'), 'control-invalid'],
    [Buffer.from(dsc.replace('Ashlar', '\xff'), 'latin1'), 'control-invalid'],
    [Buffer.alloc(17 * 2 ** 20, 'x'), 'too-large'],
  ]
  for (const [bytes, code] of bad) {
    assert.throws(() => readSource(bytes, 'hello_2.0.dsc'), { code }, bytes.toString('utf8', 0, 600))
  }
  assert.throws(() => readSource(Buffer.from(dsc), '../hello_2.0.dsc'), { code: 'control-invalid' })
})

const archiver = has('apt-ftparchive', '--version') ? false : 'apt-ftparchive is not installed'

test('entries say what apt-ftparchive says', { skip: archiver }, (t) => {
  const directory = temporaryDirectory(t)
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(directory, name), bytes)
  compareWithArchiver(directory, 'hello_2.0.dsc')
})

const builder = has('dpkg-source', '--version') ? archiver : 'dpkg-source is not installed'

test('so they do for a quilt package made by dpkg-source, and our .dsc unpacks', { skip: builder }, (t) => {
  const directory = temporaryDirectory(t)
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(directory, name), bytes)
  execFileSync('dpkg-source', ['-x', 'hello_2.0.dsc', 'native'], { cwd: directory, stdio: 'ignore' })
  assert.equal(readFileSync(join(directory, 'native/README'), 'utf8'), 'hello\n')

  const tree = join(directory, 'greet-1.5')
  mkdirSync(join(tree, 'debian/source'), { recursive: true })
  writeFileSync(join(tree, 'README'), 'greet\n')
  execFileSync('tar', ['--exclude=debian', '-czf', 'greet_1.5.orig.tar.gz', 'greet-1.5'], { cwd: directory })
  const person = 'Ashlar Tests <tests@example.org>'
  const packages =
    'Package: greet\nArchitecture: any\nDescription: x\n y\n\nPackage: libgreet1\nArchitecture: all\nDescription: x\n y\n'
  writeFileSync(join(tree, 'debian/source/format'), '3.0 (quilt)\n')
  const general = `Source: greet\nSection: net\nPriority: optional\nMaintainer: ${person}\nBuild-Depends: debhelper, a | b\n`
  writeFileSync(
    join(tree, 'debian/control'),
    `${general}Vcs-Git: https://example.org/x.git\nStandards-Version: 4.6.2\n\n${packages}`,
  )
  const entry = `greet (2:1.5-1) unstable; urgency=low\n\n  * x\n\n -- ${person}  Mon, 02 Jan 2023 00:00:00 +0000\n`
  writeFileSync(join(tree, 'debian/changelog'), entry)
  execFileSync('dpkg-source', ['-b', 'greet-1.5'], { cwd: directory, stdio: 'ignore' })
  rmSync(join(directory, 'hello_2.0.dsc'))
  compareWithArchiver(directory, 'greet_1.5-1.dsc')
})

function compareWithArchiver(directory: string, fileName: string): void {
  const switches = ['MD5=true', 'SHA1=false', 'SHA512=false'].flatMap((value) => ['-o', `APT::FTPArchive::${value}`])
  const options: ExecFileSyncOptionsWithStringEncoding = { cwd: directory, encoding: 'utf8', stdio: 'pipe' }
  const said = parseParagraph(execFileSync('apt-ftparchive', [...switches, 'sources', '.'], options))
  const { stanza } = readSource(readFileSync(join(directory, fileName)), fileName)
  const ours = parseParagraph(renderSourcesEntry({ stanza, directory: '.', section: null, priority: null }))
  const theirs = new Map(said.fields.map(([name, value]) => [name.toLowerCase(), sortedLines(value)]))
  // Without `./` in its place, apt-ftparchive leaves the directory out.
  theirs.set('directory', '.')
  for (const name of ['checksums-sha1', 'checksums-sha512']) theirs.delete(name)
  assert.deepEqual(new Map(ours.fields.map(([name, value]) => [name.toLowerCase(), sortedLines(value)])), theirs)
}

function sortedLines(value: string): string {
  return value.split('\n').sort().join('\n')
}
