import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { startProgram } from '../../test/support/child.ts'
import { temporaryDirectory } from '../../test/support/temporary-directory.ts'
import { lockDataDirectory } from './data-directory-lock.ts'

const holder = new URL('../../test/support/programs/hold-data-directory.ts', import.meta.url)

it('a second process is refused, and told the pid of the first', async () => {
  await using directory = await temporaryDirectory()
  await using child = startProgram(holder, [directory.path])
  assert.equal(await child.line(), 'locked')
  assert.throws(() => lockDataDirectory(directory.path), {
    code: 'data-directory-in-use',
    message: `${directory.path} is used by the process with pid ${child.pid}.`,
  })
})

it('the lock falls with its process, however that ends', async () => {
  await using directory = await temporaryDirectory()
  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    await using child = startProgram(holder, [directory.path])
    assert.equal(await child.line(), 'locked')
    await child.kill(signal)
    lockDataDirectory(directory.path).release()
  }
})

it('a lock that is released can be taken again, once', async () => {
  await using directory = await temporaryDirectory()
  const path = join(directory.path, 'made', 'for', 'it')
  const first = lockDataDirectory(path)
  assert.throws(() => lockDataDirectory(path), { code: 'data-directory-in-use' })
  first.release()
  first.release()
  using second = lockDataDirectory(path)
  assert.throws(() => lockDataDirectory(path), { code: 'data-directory-in-use' })
  second.release()
})

it('a refused attempt does not loosen the lock of the process that made it', async () => {
  await using directory = await temporaryDirectory()
  using lock = lockDataDirectory(directory.path)
  assert.throws(() => lockDataDirectory(directory.path), { code: 'data-directory-in-use' })
  await using child = startProgram(holder, [directory.path])
  assert.match((await child.line()) ?? '', /^refused: .*pid/)
  lock.release()
})

it('only the owner can open what it makes', async () => {
  await using directory = await temporaryDirectory()
  const path = join(directory.path, 'data')
  using lock = lockDataDirectory(path)
  assert.equal(statSync(path).mode & 0o777, 0o700)
  assert.equal(statSync(join(path, 'ashlar.lock')).mode & 0o777, 0o600)
  lock.release()
})

it('a directory that cannot be made is named', () => {
  assert.throws(() => lockDataDirectory('/dev/null/data'), { code: 'storage-failed', message: /\/dev\/null\/data/ })
})
