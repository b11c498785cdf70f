/**
 * What every file store must do (src/storage/file-store.ts is the contract). A new store proves itself by passing
 * this suite: `fileStoreConformance('s3', openHarness)` in a test file of its own.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { Sha256 } from '../../src/common/digest.ts'
import type { FileKey, FileStore, SpooledFile } from '../../src/storage/file-store.ts'
import { Spool } from '../../src/storage/spool.ts'
import { readAll } from '../support/read-all.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

export interface FileStoreHarness extends AsyncDisposable {
  readonly store: FileStore
  /** The same store as another process would open it. */
  another(): Promise<FileStore>
  /** Damages what is stored: cuts it to its first bytes. */
  truncate(key: FileKey, sizeBytes: number): Promise<void>
  /** Puts a foreign object beside the files. */
  litter(name: string): Promise<void>
}

/** @param openHarness a fresh, empty store; spooled files will be in `directory`. */
export function fileStoreConformance(
  name: string,
  openHarness: (directory: string) => Promise<FileStoreHarness>,
): void {
  const check = (behaviour: string, run: (given: Given) => Promise<void>): void => {
    it(behaviour, async () => {
      await using directory = await temporaryDirectory()
      await using harness = await openHarness(directory.path)
      const spool = await Spool.open(join(directory.path, 'spool'))
      const spooled = async (bytes: Uint8Array): Promise<SpooledFile> => {
        const writer = await spool.create()
        await writer.append([bytes])
        return await writer.finish()
      }
      await run({ harness, store: harness.store, spooled })
    })
  }

  describe(`file store ${name}`, () => {
    check('gives back what was put', async ({ store, spooled }) => {
      const bytes = randomBytes(100_000)
      const file = await spooled(bytes)
      await store.put(keyOf(file), file)
      assert.deepEqual(await bytesOf(store, keyOf(file)), bytes)
      assert.equal(await store.has(keyOf(file)), bytes.length)
    })

    check('leaves the spooled file to its owner', async ({ store, spooled }) => {
      const file = await spooled(Buffer.from('hello'))
      await store.put(keyOf(file), file)
      assert.equal(await readFile(file.path, 'utf8'), 'hello')
      await rm(file.path)
      assert.equal((await bytesOf(store, keyOf(file))).toString(), 'hello')
    })

    check('keeps an empty file', async ({ store, spooled }) => {
      const file = await spooled(Buffer.alloc(0))
      await store.put(keyOf(file), file)
      assert.equal(await store.has(keyOf(file)), 0)
      assert.equal((await bytesOf(store, keyOf(file))).length, 0)
    })

    check('keeps a large file', async ({ store, spooled }) => {
      const bytes = randomBytes(24 << 20)
      const file = await spooled(bytes)
      await store.put(keyOf(file), file)
      assert.ok((await bytesOf(store, keyOf(file))).equals(bytes))
    })

    check('gives exact ranges, also the first byte, the last, and none', async ({ store, spooled }) => {
      const bytes = randomBytes(1000)
      const file = await spooled(bytes)
      await store.put(keyOf(file), file)
      for (const [start, end] of [
        [0, 1],
        [999, 1000],
        [0, 1000],
        [10, 10],
        [1000, 1000],
        [123, 456],
      ] as const) {
        assert.deepEqual(await bytesOf(store, keyOf(file), { start, end }), bytes.subarray(start, end))
      }
    })

    check('tells the size of the whole file beside a range', async ({ store, spooled }) => {
      const file = await spooled(randomBytes(1000))
      await store.put(keyOf(file), file)
      const opened = await store.open(keyOf(file), { start: 5, end: 6 })
      assert.equal(opened.sizeBytes, 1000)
      opened.stream.destroy()
    })

    check('refuses a range outside the file', async ({ store, spooled }) => {
      const file = await spooled(randomBytes(10))
      await store.put(keyOf(file), file)
      await assert.rejects(store.open(keyOf(file), { start: 5, end: 11 }), { code: 'range-not-satisfiable' })
    })

    check('gives exact bytes at its links too, if it has links', async ({ store, spooled }) => {
      const bytes = randomBytes(1000)
      const file = await spooled(bytes)
      await store.put(keyOf(file), file)
      const url = await store.link(keyOf(file))
      if (url === undefined) return
      assert.deepEqual(Buffer.from(await (await fetch(url)).arrayBuffer()), bytes)
      const part = await fetch(url, { headers: { range: 'bytes=10-19' } })
      assert.equal(part.status, 206)
      assert.deepEqual(Buffer.from(await part.arrayBuffer()), bytes.subarray(10, 20))
    })

    check('sweeps nothing that is whole', async ({ store, spooled }) => {
      const file = await spooled(randomBytes(1000))
      await store.put(keyOf(file), file)
      assert.equal(await store.sweepUnfinished(0), 0)
      assert.equal(await store.has(keyOf(file)), 1000)
    })

    check('says of a file that was never put that it is not there', async ({ store }) => {
      assert.equal(await store.has({ sha256: 'ab'.repeat(32) as Sha256, generation: 0 }), undefined)
      await assert.rejects(store.open({ sha256: 'ab'.repeat(32) as Sha256, generation: 0 }), { code: 'file-corrupt' })
    })

    check('takes the same bytes twice', async ({ store, spooled }) => {
      const bytes = randomBytes(5000)
      const [first, second] = [await spooled(bytes), await spooled(bytes)]
      await store.put(keyOf(first), first)
      await store.put(keyOf(second), second)
      assert.deepEqual(await bytesOf(store, keyOf(first)), bytes)
    })

    check('takes the same bytes from many at once, also from another process', async ({ harness, store, spooled }) => {
      const bytes = randomBytes(300_000)
      const other = await harness.another()
      const files = await Promise.all(Array.from({ length: 16 }, () => spooled(bytes)))
      await Promise.all(files.map((file, index) => (index % 2 === 0 ? store : other).put(keyOf(file), file)))
      assert.deepEqual(await bytesOf(store, { sha256: one(files).sha256, generation: 0 }), bytes)
      assert.equal((await keysOf(store)).length, 1)
    })

    check('notices stored bytes that were cut, and does not overwrite them', async ({ harness, store, spooled }) => {
      const bytes = randomBytes(5000)
      const [first, second] = [await spooled(bytes), await spooled(bytes)]
      await store.put(keyOf(first), first)
      await harness.truncate(keyOf(first), 4999)
      assert.equal(await store.has(keyOf(first)), 4999)
      await rm(first.path)
      await assert.rejects(store.put(keyOf(second), second), { code: 'file-corrupt' })
      assert.equal(await store.has(keyOf(first)), 4999)
    })

    check('notices other bytes of the same size under the key', async ({ store, spooled }) => {
      const [right, wrong] = [await spooled(randomBytes(5000)), await spooled(randomBytes(5000))]
      await store.put(keyOf(right), wrong)
      await assert.rejects(store.put(keyOf(right), right), { code: 'file-corrupt' })
    })

    check('shows nothing of a put that fails', async ({ store, spooled }) => {
      const file = await spooled(randomBytes(5000))
      await rm(file.path)
      await assert.rejects(store.put(keyOf(file), file), { code: 'storage-failed' })
      assert.equal(await store.has(keyOf(file)), undefined)
      assert.deepEqual(await keysOf(store), [])
    })

    check('shows nothing of a put that is aborted before it begins', async ({ store, spooled }) => {
      const file = await spooled(randomBytes(5000))
      await assert.rejects(store.put(keyOf(file), file, AbortSignal.abort()), { name: 'AbortError' })
      assert.deepEqual(await keysOf(store), [])
    })

    check('keeps generations of one digest apart', async ({ store, spooled }) => {
      const bytes = randomBytes(50)
      const [first, second] = [await spooled(bytes), await spooled(bytes)]
      await store.put(keyOf(first), first)
      await store.put(keyOf(second, 1), second)
      await store.delete(keyOf(first))
      assert.equal(await store.has(keyOf(first)), undefined)
      assert.deepEqual(await bytesOf(store, keyOf(second, 1)), bytes)
    })

    check('deletes, and what is not there is deleted already', async ({ store, spooled }) => {
      const file = await spooled(randomBytes(50))
      await store.put(keyOf(file), file)
      await store.delete(keyOf(file))
      await store.delete(keyOf(file))
      assert.equal(await store.has(keyOf(file)), undefined)
      await assert.rejects(store.open(keyOf(file)), { code: 'file-corrupt' })
    })

    check('finishes a read that began before the delete, or fails it; never mixes', async ({ store, spooled }) => {
      const bytes = randomBytes(2 << 20)
      const file = await spooled(bytes)
      await store.put(keyOf(file), file)
      const opened = await store.open(keyOf(file))
      await store.delete(keyOf(file))
      const read = await readAll(opened.stream).catch(() => bytes)
      assert.ok(read.equals(bytes))
    })

    check('lists everything in the order of the digests, and passes over foreign objects', async (given) => {
      const { harness, store, spooled } = given
      const sizes = new Map<string, number>()
      const startedAt = Date.now() * 1000
      for (let index = 0; index < 40; index += 1) {
        const file = await spooled(randomBytes(10 + index))
        await store.put(keyOf(file), file)
        sizes.set(file.sha256, file.sizeBytes)
      }
      for (const name of ['README', '0'.repeat(63), `${'0'.repeat(64)}.01`, `${'0'.repeat(64)}.x`]) {
        await harness.litter(name)
      }
      const found = await Array.fromAsync(store.list())
      assert.deepEqual(
        found.map((entry) => entry.key.sha256),
        [...sizes.keys()].sort(),
      )
      for (const entry of found) {
        assert.equal(entry.sizeBytes, sizes.get(entry.key.sha256))
        // File systems and remote clocks round; a minute apart would be another time.
        assert.ok(Math.abs(entry.modifiedAt - startedAt) < 60_000_000)
      }
    })

    check('stops listing when it is told to', async ({ store, spooled }) => {
      const file = await spooled(randomBytes(10))
      await store.put(keyOf(file), file)
      await assert.rejects(Array.fromAsync(store.list(AbortSignal.abort())), { name: 'AbortError' })
    })
  })
}

interface Given {
  readonly harness: FileStoreHarness
  readonly store: FileStore
  readonly spooled: (bytes: Uint8Array) => Promise<SpooledFile>
}

function keyOf(file: SpooledFile, generation = 0): FileKey {
  return { sha256: file.sha256, generation }
}

async function bytesOf(store: FileStore, key: FileKey, range?: { start: number; end: number }): Promise<Buffer> {
  return await readAll((await store.open(key, range)).stream)
}

async function keysOf(store: FileStore): Promise<FileKey[]> {
  return (await Array.fromAsync(store.list())).map((entry) => entry.key)
}

function one<Item>(items: readonly Item[]): Item {
  const [item] = items
  assert.ok(item !== undefined)
  return item
}
