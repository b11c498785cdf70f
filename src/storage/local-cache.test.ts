import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { temporaryDirectory } from '../../test/support/temporary-directory.ts'
import type { Sha256 } from '../common/digest.ts'
import { LocalCache } from './local-cache.ts'

const bytes = Buffer.from('a secret')
const file = { id: 1, sha256: createHash('sha256').update(bytes).digest('hex') as Sha256, sizeBytes: bytes.length }

async function untilGone(path: string): Promise<void> {
  for (let i = 0; i < 100 && existsSync(path); i += 1) await sleep(10)
  assert.equal(existsSync(path), false)
}

test('what is forgotten is off the disk, once nobody reads it any more', async () => {
  await using directory = await temporaryDirectory()
  const cache = await LocalCache.open(directory.path)
  const borrowed = await cache.fetch(file, async () => Readable.from([bytes]))
  cache.forget(file.sha256)
  assert.equal(await cache.borrow(file), undefined)
  assert.deepEqual(await readFile(borrowed.path), bytes)
  await borrowed[Symbol.asyncDispose]()
  await untilGone(join(directory.path, file.sha256))
})

test('what is forgotten while nobody reads it is off the disk at once', async () => {
  await using directory = await temporaryDirectory()
  const cache = await LocalCache.open(directory.path)
  await (await cache.fetch(file, async () => Readable.from([bytes])))[Symbol.asyncDispose]()
  assert.deepEqual(cache.digests(), [file.sha256])
  assert.deepEqual(await readdir(directory.path), [file.sha256])
  cache.forget(file.sha256)
  await untilGone(join(directory.path, file.sha256))
})
