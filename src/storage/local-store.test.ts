import assert from 'node:assert/strict'
import { mkdir, readdir, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileStoreConformance } from '../../test/conformance/file-store.ts'
import { temporaryDirectory } from '../../test/support/temporary-directory.ts'
import { faultsFrom } from '../common/faults.ts'
import type { SpooledFile } from './file-store.ts'
import { openLocalStore } from './local-store.ts'
import { Spool } from './spool.ts'

fileStoreConformance('local', async (directory) => {
  const root = join(directory, 'store')
  const open = (): ReturnType<typeof openLocalStore> => openLocalStore({ name: 'local', root })
  const store = await open()
  return {
    store,
    another: open,
    truncate: (key, sizeBytes) => truncate(store.localPath(key) ?? '', sizeBytes),
    async litter(name) {
      await mkdir(join(root, '00'), { recursive: true })
      await writeFile(join(root, '00', name), 'foreign')
      await writeFile(join(root, name), 'foreign')
    },
    async [Symbol.asyncDispose]() {},
  }
})

test('a failure before the move leaves nothing, and the next try succeeds', async () => {
  await using directory = await temporaryDirectory()
  const root = join(directory.path, 'store')
  const store = await openLocalStore({ name: 'local', root, faults: faultsFrom('store.move:enospc:1') })
  const spooled = await spool(directory.path, 'hello')
  const key = { sha256: spooled.sha256, generation: 0 }
  await assert.rejects(store.put(key, spooled), { code: 'storage-full' })
  assert.equal(await store.has(key), undefined)
  await store.put(key, spooled)
  assert.equal(await store.has(key), 5)
})

test('a failure to sync the directory refuses the put, and the next try syncs what is there', async () => {
  await using directory = await temporaryDirectory()
  const root = join(directory.path, 'store')
  const store = await openLocalStore({ name: 'local', root, faults: faultsFrom('store.sync-directory:eio:1') })
  const spooled = await spool(directory.path, 'hello')
  const key = { sha256: spooled.sha256, generation: 0 }
  await assert.rejects(store.put(key, spooled), { code: 'storage-failed' })
  await store.put(key, spooled)
  assert.equal(await store.has(key), 5)
})

test('files and directories are readable by their owner only', async () => {
  await using directory = await temporaryDirectory()
  const root = join(directory.path, 'store')
  const store = await openLocalStore({ name: 'local', root })
  const spooled = await spool(directory.path, 'hello')
  const key = { sha256: spooled.sha256, generation: 0 }
  await store.put(key, spooled)
  assert.equal((await stat(store.localPath(key) ?? '')).mode & 0o777, 0o600)
  assert.equal((await stat(root)).mode & 0o777, 0o700)
  assert.equal((await stat(join(root, '2c'))).mode & 0o777, 0o700)
  assert.equal((await readdir(join(root, '2c'))).length, 1)
})

async function spool(directory: string, text: string): Promise<SpooledFile> {
  const writer = await (await Spool.open(join(directory, 'spool'))).create()
  await writer.append([Buffer.from(text)])
  return await writer.finish()
}
