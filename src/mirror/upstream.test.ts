import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryDirectory } from '../../test/support/temporary-directory.ts'
import type { Sha256 } from '../common/digest.ts'
import { Spool } from '../storage/spool.ts'
import { Upstream } from './upstream.ts'

interface Asked extends AsyncDisposable {
  readonly upstream: Upstream
  /** The Range of each request. */
  readonly ranges: readonly (string | undefined)[]
}

/** A server that gives a file, and breaks off at half of it when it is first asked. */
async function breaking(
  directory: string,
  file: Buffer,
  rest: (request: IncomingMessage, answer: ServerResponse) => void,
): Promise<Asked> {
  const ranges: (string | undefined)[] = []
  const server = createServer((request, answer) => {
    ranges.push(request.headers.range)
    if (ranges.length > 1) return rest(request, answer)
    answer.writeHead(200, { 'content-length': file.length })
    answer.write(file.subarray(0, file.length / 2), () => answer.destroy())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const upstream = new Upstream({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    spool: await Spool.open(join(directory, 'spool')),
    signal: new AbortController().signal,
    patience: { limits: { connectMs: 60_000, silenceMs: 60_000, sockets: 2 }, retryAfterMs: [1, 1, 1] },
  })
  return {
    upstream,
    ranges,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const file = Buffer.from('0123456789'.repeat(20_000))
const expected = { sha256: hash('sha256', file) as Sha256, sizeBytes: file.length }

test('a file that broke off is continued where it stopped', async () => {
  await using home = await temporaryDirectory()
  let sent = 0
  await using asked = await breaking(home.path, file, (request, answer) => {
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1])
    const part = file.subarray(start)
    sent = part.length
    answer.writeHead(206, { 'content-range': `bytes ${start}-${file.length - 1}/${file.length}` }).end(part)
  })
  const { sha256, path } = await asked.upstream.download('index', expected)
  assert.equal(sha256, expected.sha256)
  assert.ok((await readFile(path)).equals(file))
  const [first, second, ...more] = asked.ranges
  assert.deepEqual([first, more], [undefined, []])
  assert.match(second ?? '', /^bytes=[1-9]\d*-$/)
  assert.ok(sent < file.length)
})

test('a server that does not know ranges, or gives another one, spoils no file', async () => {
  for (const [status, headers] of [
    [200, {}],
    [206, { 'content-range': `bytes 0-${file.length - 1}/${file.length}` }],
  ] as const) {
    await using home = await temporaryDirectory()
    await using asked = await breaking(home.path, file, (_request, answer) => {
      answer.writeHead(status, headers).end(file)
    })
    if (status === 200) {
      const { path } = await asked.upstream.download('index', expected)
      assert.ok((await readFile(path)).equals(file))
    } else {
      const refused = { code: 'upstream-failed', message: /the server answered with status 206/ }
      await assert.rejects(asked.upstream.download('index', expected), refused)
    }
  }
})

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
