import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { readAll } from '../../test/support/read-all.ts'
import { redirected, UpstreamClient, type UpstreamQuestion } from './upstream-client.ts'

test('bytes come as they are sent, whatever encoding is named', async () => {
  const bytes = gzipSync('a package index')
  for (const encoding of ['gzip', 'x-gzip', 'deflate', 'br', 'zstd']) {
    await using server = await serve((_request, response) => {
      response.writeHead(200, { 'content-encoding': encoding }).end(bytes)
    })
    assert.ok((await read(server.url)).equals(bytes), encoding)
  }
})

test('a redirect is followed with the same question, also to another host', async () => {
  await using there = await serve((request, response) => response.end(`${request.url} ${request.headers.range}`))
  for (const status of [301, 302, 303, 307, 308]) {
    await using server = await serve((request, response) => {
      const location = request.url === '/a' ? '/b' : `${there.url}c?d=1`
      response.writeHead(status, { location }).end('elsewhere')
    })
    const bytes = await read(`${server.url}a`, { headers: { range: 'bytes=1-2' } })
    assert.equal(bytes.toString(), '/c?d=1 bytes=1-2')
  }
})

test('five redirects are followed, and not more', async () => {
  await using server = await serve((request, response) => {
    const left = Number(request.url?.slice(1))
    if (left === 0) response.end('here')
    else response.writeHead(302, { location: `/${left - 1}` }).end()
  })
  assert.equal((await read(`${server.url}5`)).toString(), 'here')
  await assert.rejects(read(`${server.url}6`), /redirects more than 5 times/)
})

test('a redirect never leads from https to http, nor to anything else', () => {
  const [http, https] = [new URL('http://a/x/y'), new URL('https://a/x/y')]
  assert.equal(redirected(http, 'https://b/').href, 'https://b/')
  assert.equal(redirected(https, 'z').href, 'https://a/x/z')
  assert.throws(() => redirected(https, 'http://a/x/y'), /from https to http/)
  for (const location of ['file:///etc/passwd', 'ftp://b/', 'http://']) {
    assert.throws(() => redirected(http, location), /no http or https URL/)
  }
})

test('a redirect from the internet never leads to a private address, by whatever name or way', async () => {
  let asked = 0
  await using inside = await serve((_request, response) => {
    asked += 1
    response.end('secret')
  })
  const { port } = new URL(inside.url)
  // Of the addresses of this machine, one stands for the internet.
  const isPublic = (address: string): boolean => address === '127.0.0.2'
  const aims = [`http://127.0.0.1:${port}/`, `http://localhost:${port}/`, `http://2130706433:${port}/`, '/again']
  for (const aim of aims) {
    await using outside = await serve((request, response) => {
      const location = aim === '/again' && request.url === '/again' ? inside.url : aim
      response.writeHead(302, { location }).end()
    }, '127.0.0.2')
    const client = new UpstreamClient(undefined, isPublic)
    await assert.rejects(client.ask(outside.url), /redirects from the internet to .*127\.0\.0\.1/, aim)
  }
  assert.equal(asked, 0)
})

test('the host that an administrator named may be private, and redirect to others that are', async () => {
  await using there = await serve((_request, response) => response.end('here'))
  await using server = await serve((_request, response) => response.writeHead(302, { location: there.url }).end())
  assert.equal((await read(server.url)).toString(), 'here')
})

test('a redirect within the internet is followed', async () => {
  await using there = await serve((_request, response) => response.end('here'), '127.0.0.3')
  await using server = await serve(
    (_request, response) => response.writeHead(302, { location: there.url }).end(),
    '127.0.0.2',
  )
  const client = new UpstreamClient(undefined, (address) => address !== '127.0.0.1')
  assert.equal((await readAll(await client.ask(server.url))).toString(), 'here')
})

test('a redirect that is not followed leaves no body behind', async () => {
  await using server = await serve((_request, response) => {
    response.writeHead(302, { location: 'ftp://elsewhere/' }).write('and so on')
  })
  await assert.rejects(read(server.url), /no http or https URL/)
  await server.closed()
})

test('a server that falls silent is an error, before its answer and in the middle of it', async () => {
  const client = new UpstreamClient({ connectMs: 100, silenceMs: 100, sockets: 1 })
  await using mute = await serve(() => {})
  await assert.rejects(client.ask(mute.url), /not a byte in 100 ms/)
  await using stalling = await serve((_request, response) => void response.write('some'))
  await assert.rejects(readAll(await client.ask(stalling.url)), /not a byte in 100 ms/)
})

test('headers that trickle are no answer', async () => {
  const server = createTcpServer((socket) => {
    const timer = setInterval(() => socket.write('X'), 20)
    socket.on('error', () => {}).once('close', () => clearInterval(timer))
    socket.write('HTTP/1.1 200 OK\r\nX: ')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = new UpstreamClient({ connectMs: 100, silenceMs: 100, sockets: 1 })
  const { port } = server.address() as AddressInfo
  await assert.rejects(client.ask(`http://127.0.0.1:${port}/`), /no answer in 400 ms/)
  server.close()
})

test('a connection is used again, and a server that closed it meanwhile is asked over another', async () => {
  const ports = new Set<number | undefined>()
  await using server = await serve((request, response) => {
    ports.add(request.socket.remotePort)
    // Without a word of it, as a server that is restarted does.
    if (request.url === '/last') response.end('bytes', () => setImmediate(() => request.socket.destroy()))
    else response.end('bytes')
  })
  const client = new UpstreamClient()
  for (const path of ['', '', 'last', '']) {
    assert.equal((await readAll(await client.ask(`${server.url}${path}`))).toString(), 'bytes')
  }
  assert.equal(ports.size, 2)
})

async function read(url: string, question?: UpstreamQuestion): Promise<Buffer> {
  return await readAll(await new UpstreamClient().ask(url, question))
}

interface Serving extends AsyncDisposable {
  readonly url: string
  /** Resolves when no connection is left. */
  closed(): Promise<void>
}

async function serve(answer: RequestListener, address = '127.0.0.1'): Promise<Serving> {
  const server = createServer(answer)
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(0, address)
  await once(server, 'listening')
  return {
    url: `http://${address}:${(server.address() as AddressInfo).port}/`,
    async closed() {
      for (const socket of sockets) await once(socket, 'close')
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => {
        server.close(resolve)
      })
    },
  }
}
