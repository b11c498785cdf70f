/** A folder that holds a purged file: all others are published as ever. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import type { Sha256 } from '../../src/common/digest.ts'
import { Maintenance } from '../../src/maintenance/maintenance.ts'
import { deb, FolderHouse, someLooks, until, untilPublished } from '../support/folder-house.ts'

async function purge({ database, storage }: FolderHouse, bytes: Buffer): Promise<void> {
  await using maintenance = new Maintenance({ database, storage })
  const sha256 = createHash('sha256').update(bytes).digest('hex') as Sha256
  await maintenance.purge({ sha256, reason: 'leaked key', userId: null })
}

test('a purged file that is put into a folder is told once, read once, and holds up nothing', async () => {
  await using house = await FolderHouse.open()
  await purge(house, deb('bad'))
  await house.write('good.deb', deb('good'))
  await using following = await house.follow()
  await house.write('bad.deb', deb('bad'))
  await house.write('other.deb', deb('other'))
  await untilPublished(house, ['good 1.0', 'other 1.0'])
  await until(() => following.warnings.length > 0)
  await someLooks()
  assert.equal(following.warnings.length, 1)
  assert.match(following.warnings[0] ?? '', /bad\.deb is not published: .* was purged/)
})

test('a published package that is purged and taken out of the suite does not come back, and holds up nothing', async () => {
  await using house = await FolderHouse.open()
  await house.write('bad.deb', deb('bad'))
  await house.write('good.deb', deb('good'))
  await using following = await house.follow()
  await purge(house, deb('bad'))
  const request = { kind: 'remove', suite: 'stable', packages: [{ name: 'bad' }] } as const
  await house.archives.submit(house.workspace, request, { userId: null })
  await house.write('more.deb', deb('more'))
  await untilPublished(house, ['good 1.0', 'more 1.0'])
  await until(() => following.warnings.length > 0)
  assert.match(following.warnings[0] ?? '', /bad\.deb is not published: .* was purged/)
  await house.write('again.deb', deb('again'))
  await untilPublished(house, ['again 1.0', 'good 1.0', 'more 1.0'])
})

test('a restart after a purge reads no other file again', async () => {
  await using house = await FolderHouse.open()
  await house.write('bad.deb', deb('bad'))
  await house.write('good.deb', deb('good'))
  await (await house.follow()).stop()
  await purge(house, deb('bad'))
  await using following = await house.follow()
  assert.equal(following.readAtStart, 0)
  await house.write('more.deb', deb('more'))
  await untilPublished(house, ['bad 1.0', 'good 1.0', 'more 1.0'])
})
