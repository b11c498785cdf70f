import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { readChanges } from './changes-file.ts'

interface Recipe {
  readonly names?: readonly string[]
  readonly architecture?: string
  readonly source?: string
  readonly distribution?: string
}

function changes(recipe: Recipe = {}): string {
  const { names = ['hello_2.0.dsc', 'hello_2.0.tar.gz', 'hello_2.0_amd64.deb', 'hello_2.0_amd64.buildinfo'] } = recipe
  const { architecture = 'source amd64', source = 'hello', distribution = 'unstable' } = recipe
  return [
    'Format: 1.8',
    `Source: ${source}`,
    `Architecture: ${architecture}`,
    'Version: 1:2.0',
    `Distribution: ${distribution}`,
    'Changes:\n hello (1:2.0) unstable; urgency=low\n .\n   * New',
    `Checksums-Sha256:${names.map((name) => `\n ${digest('sha256', name)} 12 ${name}`).join('')}`,
    `Files:${names.map((name) => `\n ${digest('md5', name)} 12 net optional ${name}`).join('')}`,
    '',
  ].join('\n')
}

function digest(kind: string, name: string): string {
  return createHash(kind).update(name).digest('hex')
}

function refusal(text: string): string {
  try {
    readChanges(Buffer.from(text), 'x.changes')
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : assert.fail(String(error))
  }
  return 'accepted'
}

test('a .changes tells its source, its suites and its files', () => {
  const read = readChanges(Buffer.from(changes()), 'x.changes')
  assert.deepEqual([read.sourceName, read.sourceVersion, read.version], ['hello', '1:2.0', '1:2.0'])
  assert.deepEqual([read.distributions, read.architectures], [['unstable'], ['source', 'amd64']])
  const [first] = read.files
  assert.deepEqual(
    [first?.name, first?.size, first?.section, first?.priority],
    ['hello_2.0.dsc', 12, 'net', 'optional'],
  )
  assert.equal(first?.sha256, createHash('sha256').update('hello_2.0.dsc').digest('hex'))
  assert.equal(read.files.length, 4)
})

test('a rebuild names the version of its source', () => {
  const text = changes({ source: 'hello (1:1.9)', names: ['hello_2.0_amd64.deb'], architecture: 'amd64' })
  const read = readChanges(Buffer.from(text), 'x.changes')
  assert.deepEqual([read.sourceVersion, read.version], ['1:1.9', '1:2.0'])
})

test('what contradicts itself is refused', () => {
  assert.equal(refusal(changes({ architecture: 'amd64' })), 'upload-inconsistent')
  assert.equal(refusal(changes({ names: ['hello_2.0_amd64.deb'] })), 'upload-inconsistent')
  assert.equal(refusal(changes({ names: ['a_1.dsc', 'b_1.dsc'] })), 'upload-inconsistent')
  assert.equal(refusal(changes({ names: ['hello_2.0.dsc', 'x.changes'] })), 'upload-inconsistent')
  assert.equal(refusal(changes({ names: ['hello_2.0.dsc', 'hello_2.0_arm64.deb'] })), 'upload-inconsistent')
  assert.equal(refusal(changes().replace(' 12 net', ' 13 net')), 'upload-inconsistent')
})

test('what is not well-formed is refused', () => {
  assert.equal(refusal(changes({ distribution: '../x' })), 'control-invalid')
  assert.equal(refusal(changes({ architecture: 'source any' })), 'control-invalid')
  assert.equal(refusal(changes({ source: 'hello (1 2)' })), 'control-invalid')
  assert.equal(refusal(changes({ names: ['a/b_amd64.deb'] })), 'control-invalid')
  assert.equal(refusal(changes().replace(' net optional', ' optional')), 'control-invalid')
  assert.equal(refusal(`x: 1\n-----BEGIN PGP SIGNED MESSAGE-----\n${changes()}`), 'signature-invalid')
  assert.equal(refusal('x'.repeat(17 * 2 ** 20)), 'too-large')
})
