import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { appendFile, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryDirectory } from '../../test/support/temporary-directory.ts'
import { faultsFrom } from '../common/faults.ts'
import { Spool } from './spool.ts'

test('a file is hashed while its bytes arrive', async () => {
  await using directory = await temporaryDirectory()
  const spool = await Spool.open(directory.path)
  const bytes = randomBytes(300_000)
  const writer = await spool.create()
  await writer.append([bytes.subarray(0, 7), bytes.subarray(7, 200_000)])
  await writer.append([bytes.subarray(200_000)])
  const file = await writer.finish()
  assert.equal(file.sha256, createHash('sha256').update(bytes).digest('hex'))
  assert.equal(file.md5, createHash('md5').update(bytes).digest('hex'))
  assert.equal(file.sizeBytes, bytes.length)
  assert.ok((await readFile(file.path)).equals(bytes))
  assert.equal((await stat(file.path)).mode & 0o777, 0o600)
})

test('a file left by another process is continued with its bytes hashed again', async () => {
  await using directory = await temporaryDirectory()
  const bytes = randomBytes(700_000)
  const left = await (await Spool.open(directory.path)).create()
  await left.append([bytes.subarray(0, 600_000)])
  await left.close()

  const spool = await Spool.open(directory.path)
  assert.equal(await spool.offset(left.id), 600_000)
  const writer = await spool.resume(left.id)
  assert.ok(writer !== undefined)
  assert.equal(writer.offset, 600_000)
  assert.equal(await spool.offset(left.id), undefined)
  await writer.append([bytes.subarray(600_000)])
  assert.equal((await writer.finish()).sha256, createHash('sha256').update(bytes).digest('hex'))
})

test('a late write of the connection before never reaches the continued file', async () => {
  await using directory = await temporaryDirectory()
  const spool = await Spool.open(directory.path)
  const stale = await spool.create()
  await stale.append([Buffer.from('hello ')])
  const writer = await spool.resume(stale.id)
  assert.ok(writer !== undefined)
  await stale.append([Buffer.from('evil!')])
  await writer.append([Buffer.from('world')])
  assert.equal(await readFile((await writer.finish()).path, 'utf8'), 'hello world')
  await stale.close()
})

test('what was never spooled cannot be continued, and no name leaves the spool', async () => {
  await using directory = await temporaryDirectory()
  const spool = await Spool.open(join(directory.path, 'spool'))
  await appendFile(join(directory.path, 'outside'), 'x')
  for (const id of ['0e0ccbcc-8f6c-4f0e-9a52-7a8b1c1d2e3f', '../outside', 'outside', '', '.']) {
    assert.equal(await spool.resume(id), undefined)
    assert.equal(await spool.offset(id), undefined)
    await spool.remove(id)
  }
  assert.equal(await readFile(join(directory.path, 'outside'), 'utf8'), 'x')
})

test('more bytes than allowed are refused, and what was written stays', async () => {
  await using directory = await temporaryDirectory()
  const spool = await Spool.open(directory.path)
  const writer = await spool.create()
  await assert.rejects(writer.append([Buffer.alloc(5), Buffer.alloc(6)], { limitBytes: 10 }), { code: 'too-large' })
  assert.equal(writer.offset, 5)
  await writer.append([Buffer.alloc(5)], { limitBytes: 10 })
  assert.equal((await writer.finish()).sizeBytes, 10)
})

test('a source that breaks leaves what came before, to be continued', async () => {
  await using directory = await temporaryDirectory()
  const spool = await Spool.open(directory.path)
  const writer = await spool.create()
  await assert.rejects(
    writer.append(
      (async function* () {
        yield Buffer.from('hello ')
        await Promise.resolve()
        throw new Error('connection lost')
      })(),
    ),
    /connection lost/,
  )
  assert.equal(writer.offset, 6)
  await writer.append([Buffer.from('world')])
  assert.equal(await readFile((await writer.finish()).path, 'utf8'), 'hello world')
})

test('the next bytes are asked for only when the ones before are written', async () => {
  await using directory = await temporaryDirectory()
  const writer = await (await Spool.open(directory.path)).create()
  const seen: number[] = []
  await writer.append(
    (function* () {
      for (let index = 0; index < 5; index += 1) {
        seen.push(writer.offset)
        yield Buffer.alloc(10)
      }
    })(),
  )
  assert.deepEqual(seen, [0, 10, 20, 30, 40])
  await writer.close()
})

test('an aborted upload stops between two chunks', async () => {
  await using directory = await temporaryDirectory()
  const writer = await (await Spool.open(directory.path)).create()
  const controller = new AbortController()
  const endless = (function* () {
    for (;;) {
      if (writer.offset === 30) controller.abort()
      yield Buffer.alloc(10)
    }
  })()
  await assert.rejects(writer.append(endless, { signal: controller.signal }), { name: 'AbortError' })
  assert.equal(writer.offset, 30)
  await writer.close()
})

test('a write that finds the disk full is storage-full, and can continue when there is room', async () => {
  await using directory = await temporaryDirectory()
  const spool = await Spool.open(directory.path, faultsFrom('spool.write:enospc:2'))
  const writer = await spool.create()
  await writer.append([Buffer.from('hello ')])
  await assert.rejects(writer.append([Buffer.from('lost')]), { code: 'storage-full' })
  assert.equal(await spool.offset(writer.id), 6)
  await writer.append([Buffer.from('world')])
  assert.equal(await readFile((await writer.finish()).path, 'utf8'), 'hello world')
})

test('a file whose sync failed is dropped: the next sync would lie', async () => {
  await using directory = await temporaryDirectory()
  const spool = await Spool.open(directory.path, faultsFrom('spool.sync:eio:1'))
  const writer = await spool.create()
  await writer.append([Buffer.from('hello')])
  await assert.rejects(writer.finish(), { code: 'storage-failed' })
  assert.deepEqual(await readdir(directory.path), [])
})

test('a discarded file is gone, and discarding again is no error', async () => {
  await using directory = await temporaryDirectory()
  const writer = await (await Spool.open(directory.path)).create()
  await writer.append([Buffer.from('hello')])
  await writer.discard()
  await writer.discard()
  assert.deepEqual(await readdir(directory.path), [])
})
