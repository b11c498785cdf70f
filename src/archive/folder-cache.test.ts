import assert from 'node:assert/strict'
import { readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryDirectory } from '../../test/support/temporary-directory.ts'
import { FolderCache } from './folder-cache.ts'

const memory = {
  root: '1:2',
  mounts: new Set(['usb']),
  owned: new Set([7, 8]),
  packages: new Map([
    [
      'a.deb',
      {
        fingerprint: '1:2:3:4',
        mtimeMs: 1.5,
        artifactId: 9,
        packageId: 7,
        name: 'aa',
        version: '1',
        architecture: 'all',
      },
    ],
  ]),
}

void test('what is saved is loaded, for its own suite only', async () => {
  await using data = await temporaryDirectory()
  const cache = new FolderCache(data.path, 'local/main/stable')
  assert.equal(await cache.load(), undefined)
  await cache.save(memory)
  assert.deepEqual(await cache.load(), memory)
  assert.equal(await new FolderCache(data.path, 'local/main/testing').load(), undefined)
})

void test('only the owner may read it, and no half of it is left beside it', async () => {
  await using data = await temporaryDirectory()
  await new FolderCache(data.path, 'local/main/stable').save(memory)
  const names = await readdir(data.path)
  assert.equal(names.length, 1)
  assert.equal((await stat(join(data.path, names[0] ?? ''))).mode & 0o777, 0o600)
})

void test('what cannot be understood counts as nothing', async () => {
  await using data = await temporaryDirectory()
  const cache = new FolderCache(data.path, 'local/main/stable')
  await cache.save(memory)
  const file = join(data.path, (await readdir(data.path))[0] ?? '')
  for (const text of [
    '',
    '{',
    '[]',
    '{"format":2}',
    '{"format":1,"root":"1:2","mounts":[],"owned":["7"],"packages":[]}',
  ]) {
    await writeFile(file, text)
    assert.equal(await cache.load(), undefined, text)
  }
})
