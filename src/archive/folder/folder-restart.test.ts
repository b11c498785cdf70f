import assert from 'node:assert/strict'
import { mkdir, rename, rm, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { deb, FolderHouse, someLooks, untilPublished } from '../../../test/support/folder-house.ts'
import { FolderMemory } from './folder-memory.ts'

test('a restart knows what it published: what went meanwhile is removed, and nothing is read again', async () => {
  await using house = await FolderHouse.open()
  await house.write('a.deb', deb('aa'))
  await house.write('b.deb', deb('bb'))
  const before = await house.follow()
  assert.equal(before.readAtStart, 2)
  await before.stop()
  await rm(join(house.folder, 'a.deb'))
  await using following = await house.follow()
  assert.deepEqual(await house.published(), ['bb 1.0'])
  assert.equal(following.readAtStart, 0)
})

test('a restart believes a folder that is empty, after the same few seconds', async () => {
  await using house = await FolderHouse.open()
  await house.write('a.deb', deb('aa'))
  await (await house.follow()).stop()
  await rm(join(house.folder, 'a.deb'))
  await using following = await house.follow()
  assert.deepEqual([await house.published(), following.packages], [[], 0])
})

test('a restart with the folder unmounted takes nothing away', async () => {
  await using house = await FolderHouse.open()
  await house.write('a.deb', deb('aa'))
  await (await house.follow()).stop()
  await rename(house.folder, `${house.folder}.away`)
  await mkdir(house.folder)
  await using following = await house.follow()
  await someLooks()
  assert.deepEqual(await house.published(), ['aa 1.0'])
  assert.match(following.warnings[0] ?? '', /another folder/)
})

test('what expired while the suite did not have it is read again, and nothing else is forgotten', async () => {
  await using house = await FolderHouse.open()
  await house.write('new.deb', deb('aa', '1.0', 'new'))
  await (await house.follow()).stop()
  await house.write('old.deb', deb('aa', '1.0', 'old'))
  await utimes(join(house.folder, 'old.deb'), 1000, 1000)
  await house.write('other.deb', deb('other'))
  await (await house.follow()).stop()
  await house.write('last.deb', deb('last'))
  await (await house.follow()).stop()
  const { items } = await house.artifacts.list(house.workspace, {})
  const old = items.find((artifact) => artifact.files[0]?.path === 'old.deb')
  await house.artifacts.delete(house.workspace, old?.id ?? 0)
  await rm(join(house.folder, 'other.deb'))
  await using following = await house.follow()
  assert.deepEqual(await house.published(), ['aa 1.0', 'last 1.0'])
  assert.equal(following.readAtStart, 1)
})

const path = fc.constantFrom('a.deb', 'b.deb', 'deep/c.deb', 'deep/d.deb')
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ deed: fc.constant('write' as const), path, name: fc.constantFrom('aa', 'bb') }) },
  { weight: 2, arbitrary: fc.record({ deed: fc.constant('remove' as const), path }) },
  { weight: 2, arbitrary: fc.record({ deed: fc.constant('restart' as const) }) },
  { weight: 1, arbitrary: fc.record({ deed: fc.constant('settle' as const) }) },
)

test('whatever happens in the folder, and whenever it restarts, the suite and the memory come to agree with it', async () => {
  const property = fc.asyncProperty(fc.array(step, { minLength: 6, maxLength: 12 }), async (steps) => {
    await using house = await FolderHouse.open()
    await mkdir(join(house.folder, 'deep'))
    await house.write('always.deb', deb('always'))
    const truth = new Map([['always.deb', 'always 1.0']])
    const expected = (): string[] => [...new Set(truth.values())].toSorted()
    let following = await house.follow()
    for (const [i, each] of steps.entries()) {
      if (each.deed === 'write') {
        // The same package may lie at several paths, and its versions beside each other.
        const version = `${i % 3}`
        await house.write(each.path, deb(each.name, version))
        truth.set(each.path, `${each.name} ${version}`)
      } else if (each.deed === 'remove') {
        await rm(join(house.folder, each.path), { force: true })
        truth.delete(each.path)
      } else if (each.deed === 'restart') {
        await following.stop()
        following = await house.follow()
      } else {
        await untilPublished(house, expected())
      }
    }
    await untilPublished(house, expected())
    await following.stop()
    const { items } = await house.archives.packages(house.workspace, { suite: 'stable' }, { limit: 100 })
    const memory = await FolderMemory.load(house.dataDirectory, 'local/main/stable')
    assert.deepEqual([...memory.packages.paths()].toSorted(), [...truth.keys()].toSorted())
    assert.deepEqual(memory.owned, new Set(items.map(({ packageId }) => packageId)))
    await using _again = await house.follow()
    assert.deepEqual(await house.published(), expected())
  })
  await fc.assert(property, { numRuns: 4 })
})
