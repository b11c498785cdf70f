import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { deb, FolderHouse, until, untilPublished } from '../../../test/support/folder-house.ts'

/** Counts how often the packages of a suite are listed. */
function countListings(house: FolderHouse): () => number {
  const packages = house.archives.packages.bind(house.archives)
  let listings = 0
  house.archives.packages = async (...parameters) => {
    listings += 1
    return packages(...parameters)
  }
  return () => listings
}

async function removeByHand(house: FolderHouse, name: string): Promise<void> {
  const request = { kind: 'remove', suite: 'stable', packages: [{ name }] } as const
  await house.archives.submit(house.workspace, request, { userId: null })
}

/** Waits for a state of the suite by its count alone, so that the packages are not listed by the one who waits. */
async function untilCounted(house: FolderHouse, count: number): Promise<void> {
  await until(async () => (await house.archives.suite(house.workspace, 'stable')).packages === count)
}

test('packages that others put into the suite stay', async () => {
  await using house = await FolderHouse.open()
  await house.write('a.deb', deb('aa'))
  await using _following = await house.follow()
  await house.upload('zz')
  await house.write('b.deb', deb('bb'))
  await untilPublished(house, ['aa 1.0', 'bb 1.0', 'zz 1.0'])
  await rm(join(house.folder, 'a.deb'))
  await untilPublished(house, ['bb 1.0', 'zz 1.0'])
})

test('the packages of the suite are not listed again while nobody else changes it', async () => {
  await using house = await FolderHouse.open()
  await house.write('a.deb', deb('aa'))
  await using _following = await house.follow()
  const listings = countListings(house)
  await house.write('b.deb', deb('bb'))
  await untilCounted(house, 2)
  await rm(join(house.folder, 'a.deb'))
  await untilCounted(house, 1)
  assert.equal(listings(), 0)
  await house.upload('zz')
  await house.write('c.deb', deb('cc'))
  await untilCounted(house, 3)
  assert.equal(listings(), 1)
  assert.deepEqual(await house.published(), ['bb 1.0', 'cc 1.0', 'zz 1.0'])
})

test('what others take out by hand comes back with the next change of the folder, and what they put in stays', async () => {
  await using house = await FolderHouse.open()
  await house.write('a.deb', deb('aa'))
  await house.write('b.deb', deb('bb'))
  await using _following = await house.follow()
  await house.upload('zz')
  await removeByHand(house, 'aa')
  assert.deepEqual(await house.published(), ['bb 1.0', 'zz 1.0'])
  await house.write('c.deb', deb('cc'))
  await untilPublished(house, ['aa 1.0', 'bb 1.0', 'cc 1.0', 'zz 1.0'])
})

test('what is gone from the suite already can go from the folder', async () => {
  await using house = await FolderHouse.open()
  await house.write('a.deb', deb('aa'))
  await house.write('b.deb', deb('bb'))
  await using following = await house.follow()
  await removeByHand(house, 'aa')
  await rm(join(house.folder, 'a.deb'))
  await house.write('c.deb', deb('cc'))
  await untilPublished(house, ['bb 1.0', 'cc 1.0'])
  assert.deepEqual(following.warnings, [])
})

test('a package that others put into the suite and that comes into the folder too is its own from then on', async () => {
  await using house = await FolderHouse.open()
  await house.write('a.deb', deb('aa'))
  await using _following = await house.follow()
  await house.upload('zz')
  await house.write('z.deb', deb('zz'))
  await house.write('b.deb', deb('bb'))
  await untilPublished(house, ['aa 1.0', 'bb 1.0', 'zz 1.0'])
  await rm(join(house.folder, 'z.deb'))
  await untilPublished(house, ['aa 1.0', 'bb 1.0'])
})

test('other bytes of a version that others put into the suite give way to those of the folder', async () => {
  await using house = await FolderHouse.open()
  await house.write('a.deb', deb('aa'))
  await using _following = await house.follow()
  const theirs = await house.upload('zz')
  await house.write('z.deb', deb('zz', '1.0', 'built again'))
  const held = async (): Promise<number | undefined> =>
    (await house.archives.packages(house.workspace, { suite: 'stable' }, { name: 'zz', limit: 10 })).items[0]?.packageId
  await until(async () => (await held()) !== theirs)
  assert.deepEqual(await house.published(), ['aa 1.0', 'zz 1.0'])
})
