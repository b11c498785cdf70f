import assert from 'node:assert/strict'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { zstdCompressSync } from 'node:zlib'
import { temporaryDirectory } from '../../../test/support/temporary-directory.ts'
import { mergeRuns, type PackagePaths, type PathChange, writeRuns } from './contents-runs.ts'

function list(label: string, deed: 'comes' | 'goes', paths: readonly string[]): PackagePaths {
  return { label, deed, paths: zstdCompressSync(Buffer.from(paths.join('\n'), 'latin1')) }
}

/** What the lists come to, through a file. */
async function merged(lists: readonly PackagePaths[], runBytes?: number): Promise<PathChange[]> {
  await using directory = await temporaryDirectory()
  const file = openSync(join(directory.path, 'runs'), 'w+')
  try {
    return [...mergeRuns(file, await writeRuns(file, 0, lists, runBytes))]
  } finally {
    closeSync(file)
  }
}

it('paths come in the order of their bytes, each once, with all packages that have it', async () => {
  const lists = [
    list('a/x', 'comes', ['b', 'usr/a', 'usr/a-b', 'usr/a/b', 'usr/\xe9', 'usr/\xff']),
    list('b/y', 'comes', ['usr/a/b', 'usr/\xc3\xa9']),
  ]
  for (const runBytes of [1, 20, undefined]) {
    const changes = await merged(lists, runBytes)
    assert.deepEqual(
      changes.map(({ path }) => path),
      ['b', 'usr/a', 'usr/a-b', 'usr/a/b', 'usr/\xc3\xa9', 'usr/\xe9', 'usr/\xff'],
    )
    const shared = changes.find(({ path }) => path === 'usr/a/b')
    assert.deepEqual([...(shared?.added ?? [])].sort(), ['a/x', 'b/y'])
  }
})

it('what a package has before and after is no change', async () => {
  const changes = await merged([
    list('a/x', 'goes', ['both', 'old']),
    list('a/x', 'comes', ['both', 'new']),
    list('b/x', 'comes', ['old']),
  ])
  assert.deepEqual(changes, [
    { path: 'new', added: ['a/x'], gone: [] },
    { path: 'old', added: ['b/x'], gone: ['a/x'] },
  ])
})

it('many runs, and a list too long to be held at once, are merged whole', async () => {
  const paths = Array.from(
    { length: 150_000 },
    (_, i) => `usr/share/${String((i * 7919) % 150_000).padStart(8, '0')}/${'x'.repeat(30)}`,
  )
  const changes = await merged([list('a', 'comes', paths), list('b', 'comes', paths.slice(0, 9))], 200_000)
  assert.equal(changes.length, paths.length)
  assert.ok(changes.every(({ path }, i) => i === 0 || (changes[i - 1]?.path ?? '') < path))
  assert.equal(changes.filter(({ added }) => added.length === 2).length, 9)
})

it('no packages, and packages without files, change nothing', async () => {
  assert.deepEqual(await merged([]), [])
  assert.deepEqual(await merged([list('a', 'comes', [])]), [])
})
