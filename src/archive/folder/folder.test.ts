import assert from 'node:assert/strict'
import { appendFile, cp, mkdir, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { deb, FolderHouse, someLooks, until, untilPublished } from '../../../test/support/folder-house.ts'
import { makeSource } from '../../../test/support/make-deb.ts'

test('what the folder holds is published in one change when following begins', async () => {
  await using house = await FolderHouse.open()
  await house.write('a.deb', deb('aa'))
  await mkdir(join(house.folder, 'deep'))
  await house.write('deep/b.deb', deb('bb'))
  for (const [name, bytes] of Object.entries(makeSource({ name: 'src', version: '3' }))) await house.write(name, bytes)
  await using following = await house.follow()
  assert.deepEqual(await house.published(), ['aa 1.0', 'bb 1.0', 'src 3'])
  assert.equal(following.packages, 3)
  // One revision made the suite, the other holds all packages.
  assert.equal((await house.archives.suite(house.workspace, 'stable')).revision, 2)
})

test('an empty folder makes an empty suite', async () => {
  await using house = await FolderHouse.open()
  await using following = await house.follow()
  assert.deepEqual([await house.published(), following.packages], [[], 0])
})

test('files that come, change and go are followed', async () => {
  await using house = await FolderHouse.open()
  await house.write('a.deb', deb('aa'))
  await house.write('b.deb', deb('bb'))
  await using _following = await house.follow()
  await house.write('c.deb', deb('cc'))
  await untilPublished(house, ['aa 1.0', 'bb 1.0', 'cc 1.0'])
  await house.write('b.deb', deb('bb', '2.0'))
  await untilPublished(house, ['aa 1.0', 'bb 2.0', 'cc 1.0'])
  await rm(join(house.folder, 'a.deb'))
  await untilPublished(house, ['bb 2.0', 'cc 1.0'])
})

test('a version that is built again with other bytes replaces the first build', async () => {
  await using house = await FolderHouse.open()
  await house.write('a.deb', deb('aa', '1.0', 'first build'))
  await using _following = await house.follow()
  const digest = async (): Promise<string | undefined> =>
    (await house.archives.packages(house.workspace, { suite: 'stable' }, { limit: 10 })).items[0]?.sha256
  const first = await digest()
  await house.write('a.deb', deb('aa', '1.0', 'second build'))
  await until(async () => (await digest()) !== first)
  assert.deepEqual(await house.published(), ['aa 1.0'])
})

test('a half-copied file is not published, and takes nothing away, until it is whole', async () => {
  await using house = await FolderHouse.open()
  await house.write('a.deb', deb('aa'))
  await using following = await house.follow()
  const whole = deb('aa', '2.0')
  await house.write('a.deb', whole.subarray(0, 200))
  await until(() => following.warnings.some((sentence) => sentence.startsWith('a.deb is not published')))
  assert.deepEqual(await house.published(), ['aa 1.0'])
  await appendFile(join(house.folder, 'a.deb'), whole.subarray(200))
  await untilPublished(house, ['aa 2.0'])
})

test('what is no package is said once', async () => {
  await using house = await FolderHouse.open()
  await house.write('bad.deb', Buffer.from('this is no package'))
  await using following = await house.follow()
  await someLooks()
  assert.deepEqual(
    following.warnings.map((sentence) => sentence.split(':')[0]),
    ['bad.deb is not published'],
  )
})

test('a .dsc waits for its files', async () => {
  await using house = await FolderHouse.open()
  await using _following = await house.follow()
  const [dsc, tarball] = Object.entries(makeSource({ name: 'src', version: '1' }))
  assert.ok(dsc && tarball)
  await house.write(...dsc)
  await house.write('a.deb', deb('aa'))
  await untilPublished(house, ['aa 1.0'])
  await house.write(...tarball)
  await untilPublished(house, ['aa 1.0', 'src 1'])
})

test('of two builds of one version the one modified last is published, and the other when it is gone', async () => {
  await using house = await FolderHouse.open()
  await house.write('new.deb', deb('aa', '1.0', 'new'))
  await house.write('old.deb', deb('aa', '1.0', 'old'))
  await utimes(join(house.folder, 'old.deb'), 1000, 1000)
  await using following = await house.follow()
  const digest = async (): Promise<string | undefined> =>
    (await house.archives.packages(house.workspace, { suite: 'stable' }, { limit: 10 })).items[0]?.sha256
  const first = await digest()
  assert.equal(following.warnings.filter((sentence) => /^old\.deb .*new\.deb is newer/.test(sentence)).length, 1)
  await rm(join(house.folder, 'new.deb'))
  await until(async () => (await digest()) !== first)
  assert.deepEqual(await house.published(), ['aa 1.0'])
})

test('a folder that is away for a while, or replaced by an empty one, takes nothing away', async () => {
  await using house = await FolderHouse.open()
  await house.write('a.deb', deb('aa'))
  await using following = await house.follow()
  const away = `${house.folder}.away`
  await rename(house.folder, away)
  await someLooks()
  assert.deepEqual(await house.published(), ['aa 1.0'])
  await mkdir(house.folder)
  await someLooks()
  assert.deepEqual(await house.published(), ['aa 1.0'])
  assert.equal(following.warnings.length, 2, following.warnings.join('\n'))
  assert.match(following.warnings[0] ?? '', /debs is not there; its packages stay/)
  assert.match(following.warnings[1] ?? '', /another folder/)
  await rm(house.folder, { recursive: true })
  await rename(away, house.folder)
  await house.write('b.deb', deb('bb'))
  await untilPublished(house, ['aa 1.0', 'bb 1.0'])
})

test('a folder that is swapped for one with the same packages and others is followed on', async () => {
  await using house = await FolderHouse.open()
  await house.write('a.deb', deb('aa'))
  await house.write('b.deb', deb('bb'))
  await using _following = await house.follow()
  const next = `${house.folder}.next`
  await cp(house.folder, next, { recursive: true, preserveTimestamps: true })
  await rm(join(next, 'a.deb'))
  await writeFile(join(next, 'c.deb'), deb('cc'))
  await rename(house.folder, `${house.folder}.before`)
  await rename(next, house.folder)
  await untilPublished(house, ['bb 1.0', 'cc 1.0'])
})

test('a folder that is emptied and stays so for some seconds empties the suite', async () => {
  await using house = await FolderHouse.open()
  await house.write('a.deb', deb('aa'))
  await using _following = await house.follow()
  await rm(join(house.folder, 'a.deb'))
  await untilPublished(house, [])
})

test('a folder that is not there is refused', async () => {
  await using house = await FolderHouse.open()
  await rm(house.folder, { recursive: true })
  await assert.rejects(house.follow(), { code: 'file-unreadable', message: /debs/ })
})
