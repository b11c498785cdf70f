import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryDirectory } from '../../test/support/temporary-directory.ts'
import { Spool } from '../storage/spool.ts'
import { Upstream } from './upstream.ts'

test('a file that comes byte by byte costs the memory of its bytes', async () => {
  await using home = await temporaryDirectory()
  const pieces = 1_000_000
  const piece = Buffer.from('1\r\nx\r\n')
  const server = createServer((_, answer) => {
    // As one piece of the transfer coding for each byte, which node:http would not write.
    answer.socket?.end(
      Buffer.concat([
        Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'),
        Buffer.alloc(pieces * piece.length, piece),
        Buffer.from('0\r\n\r\n'),
      ]),
    )
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const upstream = new Upstream({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    spool: await Spool.open(join(home.path, 'spool')),
    signal: new AbortController().signal,
  })
  let peakBytes = 0
  const startBytes = process.memoryUsage.rss()
  const watch = setInterval(() => (peakBytes = Math.max(peakBytes, process.memoryUsage.rss())), 5)
  try {
    assert.equal((await upstream.read('InRelease', 2 ** 21))?.toString(), 'x'.repeat(pieces))
    assert.ok(peakBytes - startBytes < 250 * 2 ** 20, `${(peakBytes - startBytes) / 2 ** 20} MiB`)
    await assert.rejects(upstream.read('InRelease', pieces - 1), {
      code: 'upstream-failed',
      message: /has more than 999999 bytes/,
    })
  } finally {
    clearInterval(watch)
    server.close()
    server.closeAllConnections()
  }
})
