import assert from 'node:assert/strict'
import { appendFile, mkdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryDirectory } from '../../../test/support/temporary-directory.ts'
import { lookAgain, lookAtFolder } from './folder-scan.ts'

async function filesIn(root: string, options: { exclude?: string } = {}): Promise<string[]> {
  return [...(await lookAtFolder(root, options)).files.keys()].sort()
}

test('packages are found at any depth, and nothing else', async () => {
  await using folder = await temporaryDirectory()
  await mkdir(join(folder.path, 'deep/er'), { recursive: true })
  for (const path of ['a.deb', 'b.udeb', 'c.ddeb', 'deep/d.dsc', 'deep/er/e.deb', 'deep/e.tar.xz', 'README']) {
    await writeFile(join(folder.path, path), path)
  }
  await mkdir(join(folder.path, 'directory.deb'))
  assert.deepEqual(await filesIn(folder.path), ['a.deb', 'b.udeb', 'c.ddeb', 'deep/d.dsc', 'deep/er/e.deb'])
})

test('hidden names are passed over, and so is what is excluded', async () => {
  await using folder = await temporaryDirectory()
  await mkdir(join(folder.path, '.cache'))
  await mkdir(join(folder.path, 'ashlar-data'))
  for (const path of ['.a.deb', '.cache/b.deb', 'ashlar-data/c.deb', 'd.deb'])
    await writeFile(join(folder.path, path), '')
  assert.deepEqual(await filesIn(folder.path, { exclude: join(folder.path, 'ashlar-data') }), ['d.deb'])
})

test('links to files and directories are followed, and a loop of them ends', async () => {
  await using folder = await temporaryDirectory()
  await using elsewhere = await temporaryDirectory()
  await writeFile(join(elsewhere.path, 'a.deb'), '')
  await mkdir(join(folder.path, 'deep'))
  await symlink(elsewhere.path, join(folder.path, 'linked'))
  await symlink(join(elsewhere.path, 'a.deb'), join(folder.path, 'b.deb'))
  await symlink(folder.path, join(folder.path, 'deep/loop'))
  assert.deepEqual(await filesIn(folder.path), ['b.deb', 'linked/a.deb'])
})

test('a link that leads nowhere is there, but cannot be read', async () => {
  await using folder = await temporaryDirectory()
  await symlink('/nonexistent/a.deb', join(folder.path, 'a.deb'))
  const look = await lookAtFolder(folder.path, {})
  assert.deepEqual([...look.unreadable.keys()], ['a.deb'])
})

test('a file that is written to, or replaced by another of the same size and time, looks different', async () => {
  await using folder = await temporaryDirectory()
  const file = join(folder.path, 'a.deb')
  const fingerprint = async (): Promise<string | undefined> =>
    (await lookAtFolder(folder.path, {})).files.get('a.deb')?.fingerprint
  await writeFile(file, 'one')
  await utimes(file, 1000, 1000)
  const first = await fingerprint()
  assert.equal(await fingerprint(), first)
  await writeFile(join(folder.path, 'b'), 'two')
  await utimes(join(folder.path, 'b'), 1000, 1000)
  await rename(join(folder.path, 'b'), file)
  const second = await fingerprint()
  assert.notEqual(second, first)
  await appendFile(file, '!')
  assert.notEqual(await fingerprint(), second)
})

test('a folder that is not there is an error of the system, and another one in its place has another identity', async () => {
  await using parent = await temporaryDirectory()
  const root = join(parent.path, 'debs')
  await assert.rejects(lookAtFolder(root, {}), { code: 'ENOENT' })
  await mkdir(root)
  const before = await lookAtFolder(root, {})
  await rename(root, join(parent.path, 'old'))
  await mkdir(root)
  assert.notEqual((await lookAtFolder(root, {})).root, before.root)
})

test('a second look at some paths sees what changed there, and gives up where directories changed', async () => {
  await using folder = await temporaryDirectory()
  await mkdir(join(folder.path, 'deep'))
  await writeFile(join(folder.path, 'deep/a.deb'), 'one')
  await writeFile(join(folder.path, 'b.deb'), '')
  const before = await lookAtFolder(folder.path, {})
  await writeFile(join(folder.path, 'deep/a.deb'), 'three')
  await writeFile(join(folder.path, 'c.deb'), '')
  await rm(join(folder.path, 'b.deb'))
  const paths = ['deep/a.deb', 'b.deb', 'c.deb', 'README', '.hidden.deb']
  assert.equal(await lookAgain(folder.path, before, paths), true)
  assert.deepEqual(before, await lookAtFolder(folder.path, {}))
  await rename(join(folder.path, 'deep'), join(folder.path, 'deeper'))
  assert.equal(await lookAgain(folder.path, before, ['deep']), false)
  assert.equal(await lookAgain(folder.path, before, ['deeper']), false)
  assert.equal(await lookAgain(folder.path, before, ['deep/a.deb']), false)
})
