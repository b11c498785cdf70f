import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseParagraph } from './deb822.ts'
import { type IndexedPackage, readPackagesEntry, readSourcesEntry } from './indexed-package.ts'

const digest = 'a'.repeat(64)
const machines = new Set(['amd64'])

const packages = `Package: hello
Version: 1:2.10-3
Architecture: amd64
Maintainer: Somebody <who@example.org>
Depends: libc6 (>= 2.36)
Filename: ./pool/main/h/hello/hello_2.10-3_amd64.deb
Size: 1234
MD5sum: ${'b'.repeat(32)}
SHA1: ${'c'.repeat(40)}
SHA256: ${digest}
Section: devel
Priority: optional
Description: says hello
`

const sources = `Package: hello
Binary: hello
Version: 2.10-3
Format: 3.0 (quilt)
Directory: pool/main/h/hello
Files:
 ${'b'.repeat(32)} 10 hello_2.10-3.dsc
 ${'b'.repeat(32)} 20 hello_2.10.orig.tar.gz
Checksums-Sha256:
 ${digest} 10 hello_2.10-3.dsc
 ${'d'.repeat(64)} 20 hello_2.10.orig.tar.gz
`

function binary(text: string): IndexedPackage {
  return readPackagesEntry(parseParagraph(text), 'deb', machines)
}

function source(text: string): IndexedPackage {
  return readSourcesEntry(parseParagraph(text))
}

test('an entry of Packages says what the package is, and where upstream has its file', () => {
  const found = binary(packages)
  assert.deepEqual(
    [found.name, found.version, found.architecture, found.sourceName, found.sourceVersion, found.section],
    ['hello', '1:2.10-3', 'amd64', 'hello', '1:2.10-3', 'devel'],
  )
  assert.deepEqual(found.files, [
    {
      name: 'hello_2.10-3_amd64.deb',
      sha256: digest,
      sizeBytes: 1234,
      path: 'pool/main/h/hello/hello_2.10-3_amd64.deb',
    },
  ])
  // Where it lies is decided here.
  assert.doesNotMatch(found.stanza, /^Filename:/m)
  assert.match(found.stanza, /^Depends: libc6 \(>= 2\.36\)\n/m)
})

test('an entry of Sources has its .dsc first, and all of its files', () => {
  const { files, stanza } = source(sources.replace(/^Directory: /m, 'Directory: ./'))
  assert.deepEqual(
    files.map(({ name, path }) => [name, path]),
    [
      ['hello_2.10-3.dsc', 'pool/main/h/hello/hello_2.10-3.dsc'],
      ['hello_2.10.orig.tar.gz', 'pool/main/h/hello/hello_2.10.orig.tar.gz'],
    ],
  )
  assert.doesNotMatch(stanza, /^Directory:/m)
})

const badEntries: readonly (readonly [what: string, read: () => IndexedPackage, reason: RegExp])[] = [
  ['a path out of the repository', () => binary(packages.replace('./pool', '../pool')), /lies at/],
  ['a path through a parent', () => binary(packages.replace('main/h', 'main/../h')), /lies at/],
  ['an absolute path', () => binary(packages.replace('./pool', '/pool')), /lies at/],
  ['a directory out of the repository', () => source(sources.replace('Directory: ', 'Directory: ../')), /lies at/],
  ['a file that is a path', () => source(sources.replaceAll('hello_2.10.orig', '../orig')), /plain file name/],
  ['a name that is none', () => binary(packages.replace('Package: hello', 'Package: ../hello')), /not a package name/],
  ['a machine of another index', () => binary(packages.replace('amd64\nM', 'armhf\nM')), /the architecture "armhf"/],
  ['a version that is none', () => binary(packages.replace('1:2.10-3', '1 0')), /is not a version/],
  ['a size that is none', () => binary(packages.replace('Size: 1234', 'Size: -1')), /has the Size/],
  ['a digest that is none', () => binary(packages.replace(digest, 'a'.repeat(40))), /a SHA256 that is none/],
  ['no digest', () => binary(packages.replace(/^SHA256: .*\n/m, '')), /SHA256/],
  ['a section of two words', () => binary(packages.replace('devel', 'devel evil')), /Section/],
  ['a source without a .dsc', () => source(sources.replaceAll('hello_2.10-3.dsc', 'hello.txt')), /has no \.dsc/],
]

for (const [what, read, reason] of badEntries) {
  test(`an entry with ${what} is refused`, () => {
    assert.throws(read, { message: reason })
  })
}
