import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { crc32, gzipSync, zstdCompressSync } from 'node:zlib'
import { xz } from '@napi-rs/lzma'
import { AshlarError } from '../common/errors.ts'
import { compressionOf, decompress, decompressSmall } from './compression.ts'
import type { Compression } from './compression.ts'

const text = Buffer.concat([Buffer.alloc(200_000, 'The quick brown fox. '), randomBytes(200_000)])
const forms: readonly (readonly [Compression, Buffer])[] = [
  ['gz', gzipSync(text)],
  ['xz', xz.compressSync(text)],
  ['zst', zstdCompressSync(text)],
]

async function* inPieces(bytes: Buffer, size = 16_384): AsyncGenerator<Buffer, void, undefined> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function outputSize(
  source: AsyncIterable<Buffer>,
  compression: Compression,
  maximumOutputBytes = 2 ** 40,
): Promise<number> {
  let size = 0
  for await (const chunk of decompress(source, compression, { maximumOutputBytes, origin: 'x' })) size += chunk.length
  return size
}

async function unpacked(bytes: Buffer, compression: Compression): Promise<Buffer> {
  const parts: Buffer[] = []
  const options = { maximumOutputBytes: 2 ** 30, origin: 'x' }
  for await (const chunk of decompress(inPieces(bytes), compression, options)) parts.push(Buffer.from(chunk))
  return Buffer.concat(parts)
}

/** What either way of decompressing says: the code of the error, or undefined if all is well. */
async function verdict(bytes: Buffer, compression: Compression): Promise<string | undefined> {
  const small = await Promise.resolve()
    .then(() => decompressSmall(bytes, compression, { maximumOutputBytes: 2 ** 30, origin: 'x' }))
    .then(() => undefined, codeOf)
  const streamed = await unpacked(bytes, compression).then(() => undefined, codeOf)
  assert.equal(small, streamed)
  return streamed
}

function codeOf(error: unknown): string {
  assert(error instanceof AshlarError, String(error))
  return error.code
}

test('the ending of a name tells the compression, if it is one that is read', () => {
  assert.deepEqual(['', '.gz', '.xz', '.zst'].map(compressionOf), ['none', 'gz', 'xz', 'zst'])
  assert.deepEqual(['.bz2', '.lzma', 'none', '.none', '.'].map(compressionOf), Array(5).fill(undefined))
})

test('both ways of decompressing give the bytes', async () => {
  for (const [compression, bytes] of [...forms, ['none', text] as const]) {
    assert((await unpacked(bytes, compression)).equals(text), compression)
    assert(
      decompressSmall(bytes, compression, { maximumOutputBytes: text.length, origin: 'x' })?.equals(text),
      compression,
    )
  }
})

test('output over the limit is refused, or left to the stream', async () => {
  for (const [compression, bytes] of [...forms, ['none', text] as const]) {
    const limit = text.length - 1
    assert.equal(decompressSmall(bytes, compression, { maximumOutputBytes: limit, origin: 'x' }), undefined)
    await assert.rejects(outputSize(inPieces(bytes), compression, limit), { code: 'too-large' })
    assert.equal(await outputSize(inPieces(bytes), compression, text.length), text.length)
  }
})

test('what is cut short anywhere is refused', async () => {
  for (const [compression, bytes] of forms) {
    for (const end of [
      0,
      1,
      5,
      11,
      12,
      13,
      20,
      30,
      1000,
      100_000,
      bytes.length - 13,
      bytes.length - 5,
      bytes.length - 1,
    ]) {
      assert.equal(await verdict(bytes.subarray(0, end), compression), 'package-invalid', `${compression} ${end}`)
    }
  }
})

test('what is followed by something else is refused', async () => {
  for (const [compression, bytes] of forms) {
    for (const tail of [Buffer.from('x'), Buffer.alloc(4), Buffer.alloc(300_000, 'x')]) {
      assert.equal(
        await verdict(Buffer.concat([bytes, tail]), compression),
        'package-invalid',
        `${compression} ${tail.length}`,
      )
    }
  }
})

test('a flipped byte is refused or harmless', async () => {
  for (const [compression, bytes] of forms) {
    for (let at = 0; at < bytes.length; at += at < 40 || at > bytes.length - 40 ? 1 : 30_011) {
      const flipped = Buffer.from(bytes)
      flipped.writeUInt8(flipped.readUInt8(at) ^ 0x41, at)
      const options = { maximumOutputBytes: 2 ** 24, origin: 'x' }
      await Promise.resolve()
        .then(() => decompressSmall(flipped, compression, options))
        .catch(codeOf)
      await outputSize(inPieces(flipped), compression, 2 ** 24).catch(codeOf)
    }
  }
})

async function* failing(bytes: Buffer): AsyncGenerator<Buffer, void, undefined> {
  yield bytes.subarray(0, 100_000)
  throw Object.assign(new Error('bad sector'), { code: 'EIO' })
}

test('an error of the source is passed on as it is', async () => {
  for (const [compression, bytes] of forms) {
    await assert.rejects(outputSize(failing(bytes), compression), { code: 'EIO' })
  }
})

test('a reader that stops early stops the decoder', async () => {
  for (const [compression, bytes] of forms) {
    let closed = false
    async function* source(): AsyncGenerator<Buffer, void, undefined> {
      try {
        for (;;) yield* inPieces(bytes)
      } finally {
        closed = true
      }
    }
    for await (const chunk of decompress(source(), compression, { maximumOutputBytes: 2 ** 40, origin: 'x' })) {
      assert(chunk.length > 0)
      break
    }
    assert(closed, compression)
  }
})

test('ten gigabytes of zeros in ten megabytes stop at the limit', async () => {
  const member = gzipSync(Buffer.alloc(64 * 2 ** 20))
  let given = 0
  async function* bomb(): AsyncGenerator<Buffer, void, undefined> {
    for (; given < 160; given += 1) yield member
  }
  await assert.rejects(outputSize(bomb(), 'gz', 2 ** 28), { code: 'too-large' })
  assert(given < 20, String(given))
})

const hasXz = spawnSync('xz', ['--version']).status === 0

test('many blocks in one .xz are read', { skip: hasXz ? false : 'xz is not installed' }, async () => {
  const bytes = execFileSync('xz', ['-T2', '--block-size=65536'], { input: text })
  assert.equal(await verdict(bytes, 'xz'), undefined)
  assert((await unpacked(bytes, 'xz')).equals(text))
})

test('an empty .xz is read, and each kind of check', { skip: hasXz ? false : 'xz is not installed' }, async () => {
  assert.equal((await unpacked(execFileSync('xz', { input: '' }), 'xz')).length, 0)
  for (const check of ['none', 'crc32', 'crc64', 'sha256']) {
    const bytes = execFileSync('xz', ['-9', `--check=${check}`], { input: text })
    assert.equal(await verdict(bytes, 'xz'), undefined, check)
  }
})

test('an .xz with other filters is refused', { skip: hasXz ? false : 'xz is not installed' }, async () => {
  const bytes = execFileSync('xz', ['--x86', '--lzma2'], { input: text })
  assert.equal(await verdict(bytes, 'xz'), 'package-invalid')
})

test('a dictionary over the limit is refused before it is made, in the first block and in later ones', async () => {
  const large = (2 ** 20 * 1536).toString()
  for (const blocks of [1, 2, 3]) {
    const bytes = xzOf(Array.from({ length: blocks }, (_, i) => (i === blocks - 1 ? 37 : 8)))
    await assert.rejects(unpacked(bytes, 'xz'), { code: 'too-large', message: new RegExp(large) })
  }
  assert.equal((await unpacked(xzOf([28]), 'xz')).length, 1)
})

test('thousands of empty blocks with large dictionaries are refused', async () => {
  assert.equal(await verdict(xzOf(Array(60).fill(28)), 'xz'), undefined)
  assert.equal(await verdict(xzOf(Array(5000).fill(28)), 'xz'), 'too-large')
  assert.equal(await verdict(xzOf(Array(5000).fill(0)), 'xz'), undefined)
})

test('an .xz whose headers or index lie about its blocks is refused', async () => {
  assert.equal(await verdict(xzOf([8, 8]), 'xz'), undefined)
  assert.equal(await verdict(xzOf([8, 8], { indexedBlocks: 3 }), 'xz'), 'package-invalid')
  assert.equal(await verdict(xzOf([8, 8], { indexedBlocks: 2 ** 50 }), 'xz'), 'package-invalid')
  assert.equal(await verdict(xzOf([8], { sizes: [5, 1] }), 'xz'), undefined)
  assert.equal(await verdict(xzOf([8], { sizes: [4, 1] }), 'xz'), 'package-invalid')
  assert.equal(await verdict(xzOf([8], { sizes: [5, 2] }), 'xz'), 'package-invalid')
})

/** One raw block of one byte, in a frame with a window of 2^(10 + exponent) bytes (RFC 8878 section 3.1.1.1.2). */
function frame(exponent: number): Buffer {
  return Buffer.of(0x28, 0xb5, 0x2f, 0xfd, 0, exponent << 3, 9, 0, 0, 65)
}

test('a window over the limit of a .zst is refused', async () => {
  assert.equal((await unpacked(frame(17), 'zst')).toString(), 'A')
  assert.equal(await verdict(frame(21), 'zst'), 'too-large')
})

/**
 * An .xz of blocks with one `A` each, stored. @param dictionaries the size of each block's dictionary as the format
 * encodes it: 8 is 64 KiB, 28 is 64 MiB, 37 is 1.5 GiB.
 */
function xzOf(dictionaries: number[], lies: { indexedBlocks?: number; sizes?: [number, number] } = {}): Buffer {
  const head = Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 0])
  const data = Buffer.of(1, 0, 0, 65, 0, 0, 0, 0)
  const blocks = dictionaries.map((bits) => {
    const [flags, sizes] = lies.sizes === undefined ? [0, [0, 0]] : [0xc0, lies.sizes]
    const fields = lies.sizes === undefined ? [0x21, 1, bits, 0, 0] : [...sizes, 0x21, 1, bits]
    const padded = [2, flags, ...fields, ...Array<number>(-(2 + fields.length) & 3).fill(0)]
    padded[0] = (padded.length + 4) / 4 - 1
    return Buffer.concat([withCrc(Buffer.from(padded)), data])
  })
  const records = blocks.flatMap((block) => [block.length - 3, 1])
  const index = Buffer.concat([Buffer.of(0), ...[lies.indexedBlocks ?? blocks.length, ...records].map(variableLength)])
  const padded = withCrc(Buffer.concat([index, Buffer.alloc(-index.length & 3)]))
  const footer = Buffer.alloc(6)
  footer.writeUInt32LE(padded.length / 4 - 1)
  const end = Buffer.concat([withCrc(footer).subarray(6), footer, Buffer.from('YZ')])
  return Buffer.concat([head, withCrc(head.subarray(6)).subarray(2), ...blocks, padded, end])
}

function withCrc(bytes: Buffer): Buffer {
  const sum = Buffer.alloc(4)
  sum.writeUInt32LE(crc32(bytes))
  return Buffer.concat([bytes, sum])
}

function variableLength(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80)
  return Buffer.from([...bytes, rest])
}
