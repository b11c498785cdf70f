/** A folder whose suite is frozen: it waits, and is published when the suite goes on. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deb, FolderHouse, until, untilPublished } from '../support/folder-house.ts'

async function freeze({ archives, workspace }: FolderHouse, frozen: boolean): Promise<void> {
  await archives.submit(workspace, { kind: 'suite-update', suite: 'stable', settings: { frozen } }, { userId: null })
}

test('what comes into a folder while its suite is frozen is published when it goes on, also after a restart', async () => {
  await using house = await FolderHouse.open()
  await house.write('first.deb', deb('first'))
  const before = await house.follow()
  await freeze(house, true)
  await house.write('second.deb', deb('second'))
  await until(() => before.warnings.length > 0)
  assert.match(before.warnings[0] ?? '', /not published yet: The suite 'stable' is frozen/)
  await before.stop()
  await using following = await house.follow()
  await untilPublished(house, ['first 1.0'])
  await freeze(house, false)
  await untilPublished(house, ['first 1.0', 'second 1.0'])
  assert.equal(following.warnings.length, 1)
})
