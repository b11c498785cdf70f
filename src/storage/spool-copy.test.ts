import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { appendFile, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryDirectory } from '../../test/support/temporary-directory.ts'
import { copyToSpool, fingerprintOf } from './spool-copy.ts'

void test('a copy has the bytes, their digests and their owner only', async () => {
  await using directory = await temporaryDirectory()
  const [from, to] = [join(directory.path, 'a.deb'), join(directory.path, 'copy')]
  const bytes = randomBytes(100_000)
  await writeFile(from, bytes)
  const copy = copyToSpool(from, to, fingerprintOf(await stat(from)))
  await copy?.sync()
  assert.deepEqual(copy?.spooled, {
    path: to,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    md5: createHash('md5').update(bytes).digest('hex'),
    sizeBytes: bytes.length,
  })
  assert.deepEqual([copy.bytes, await readFile(to), (await stat(to)).mode & 0o777], [bytes, bytes, 0o600])
})

void test('a file that is in another state than it was found in, gone, or no file is not copied', async () => {
  await using directory = await temporaryDirectory()
  const [from, to] = [join(directory.path, 'a.deb'), join(directory.path, 'copy')]
  await writeFile(from, 'a')
  const found = fingerprintOf(await stat(from))
  await appendFile(from, 'b')
  assert.equal(copyToSpool(from, to, found), undefined)
  const later = fingerprintOf(await stat(from))
  await writeFile(`${from}.new`, 'ab')
  await rename(`${from}.new`, from)
  assert.equal(copyToSpool(from, to, later), undefined)
  await rm(from)
  assert.equal(copyToSpool(from, to, later), undefined)
  execFileSync('mkfifo', [from])
  assert.equal(copyToSpool(from, to, fingerprintOf(await stat(from))), undefined)
  assert.deepEqual(await readdir(directory.path), ['a.deb'])
})

void test('a copy never overwrites', async () => {
  await using directory = await temporaryDirectory()
  const [from, to] = [join(directory.path, 'a.deb'), join(directory.path, 'copy')]
  await writeFile(from, 'a')
  await writeFile(to, 'b')
  const fingerprint = fingerprintOf(await stat(from))
  assert.throws(() => copyToSpool(from, to, fingerprint), { code: 'storage-failed' })
  assert.equal(await readFile(to, 'utf8'), 'b')
})
