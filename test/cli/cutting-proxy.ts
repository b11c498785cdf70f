import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'

export interface CuttingProxy extends AsyncDisposable {
  readonly url: string
  /** Connections that were cut. */
  readonly cuts: () => number
  /** The heads of the requests and of the answers, in their order. */
  readonly heads: () => readonly string[]
}

/**
 * When a connection is cut: after so many bytes from the client, once the server has taken them and seen the end, or
 * instead of passing an answer on.
 */
export type Cut = { readonly afterSentBytes: number } | { readonly answerTo: RegExp }

/** Passes TCP on to a server, and resets as many connections as there are cuts, each in its turn. */
export async function cuttingProxy(target: string, cuts: readonly Cut[]): Promise<CuttingProxy> {
  const { hostname, port } = new URL(target)
  const waiting = [...cuts]
  const sockets = new Set<Socket>()
  let done = 0
  const heads: string[] = []
  const noteHead = (chunk: Buffer | string): void => {
    const head = /^(?:[A-Z]+ \S+ HTTP|HTTP)[^]*?\r\n\r\n/.exec(Buffer.from(chunk).toString('latin1', 0, 10_000))?.[0]
    if (head !== undefined) heads.push(head)
  }
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname)
    let isCut = false
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        if (isCut) client.resetAndDestroy()
        else client.destroy()
        // What the client has sent arrives before the end does.
        upstream.end()
      })
    }
    let sent = 0
    let request = ''
    const cut = (): void => {
      waiting.shift()
      done += 1
      isCut = true
      client.pause()
      // The server has seen the end before the client does, so that what it has of the file stands still.
      upstream.end()
    }
    client.on('data', (chunk) => {
      if (isCut) return
      noteHead(chunk)
      sent += chunk.length
      request = chunk.toString('latin1', 0, 200)
      const [next] = waiting
      if (!upstream.write(chunk)) {
        client.pause()
        upstream.once('drain', () => {
          if (!isCut) client.resume()
        })
      }
      if (next !== undefined && 'afterSentBytes' in next && sent >= next.afterSentBytes) cut()
    })
    upstream.on('data', (chunk) => {
      if (isCut) return
      noteHead(chunk)
      const [next] = waiting
      if (next !== undefined && 'answerTo' in next && next.answerTo.test(request)) cut()
      else client.write(chunk)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    cuts: () => done,
    heads: () => heads,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
