import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { it } from 'node:test'
import * as fc from 'fast-check'
import { compressXzBlock, xzStreamEnd, xzStreamHeader } from './xz-stream.ts'

async function stream(texts: readonly Buffer[]): Promise<Buffer> {
  const blocks = await Promise.all(texts.map(compressXzBlock))
  return Buffer.concat([xzStreamHeader, ...blocks.map((block) => block.bytes), xzStreamEnd(blocks)])
}

/** What the xz of the system makes of it; it throws for the least thing that is wrong. */
function xz(mode: '-dc' | '-tv', input: Buffer): Buffer {
  return execFileSync('xz', [mode], { input, stdio: ['pipe', 'pipe', 'pipe'], maxBuffer: 64 * 1024 * 1024 })
}

it('a stream of no blocks is a valid, empty .xz', async () => {
  assert.equal(xz('-dc', await stream([])).length, 0)
})

it('xz finds nothing wrong with a stream of many blocks, and decompresses all of them', async () => {
  const texts = Array.from({ length: 300 }, (_, i) => Buffer.from(`block ${i}\n`.repeat(1 + ((i * 37) % 900))))
  const bytes = await stream(texts)
  xz('-tv', bytes)
  assert.ok(xz('-dc', bytes).equals(Buffer.concat(texts)))
})

it('a block that spans many LZMA2 chunks, and one that cannot be compressed, come back as they were', async () => {
  const noise = Buffer.from(Array.from({ length: 700_000 }, (_, i) => (Math.imul(i, 2654435761) >>> 13) & 0xff))
  const texts = [Buffer.from('Package: hello\n'.repeat(60_000)), noise, Buffer.from('\0')]
  assert.ok(xz('-dc', await stream(texts)).equals(Buffer.concat(texts)))
})

it('whatever the blocks hold, xz gives it back', async () => {
  const texts = fc.array(
    fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    {
      maxLength: 8,
    },
  )
  await fc.assert(
    fc.asyncProperty(texts, async (all) => {
      assert.ok(xz('-dc', await stream(all)).equals(Buffer.concat(all)))
    }),
    { numRuns: 25 },
  )
})

it('the sizes of a block are those that the index of a stream wants', async () => {
  const block = await compressXzBlock(Buffer.from('a text\n'.repeat(100)))
  assert.equal(block.bytes.length % 4, 0)
  assert.equal(block.uncompressed, 700)
  assert.equal(Math.ceil(block.unpadded / 4) * 4, block.bytes.length)
})
