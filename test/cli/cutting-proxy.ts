import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'

export interface CuttingProxy extends AsyncDisposable {
  readonly url: string
  /** Bytes that clients have sent through it. */
  readonly sentBytes: () => number
  /** Connections that were cut. */
  readonly cuts: () => number
}

/** When a connection is cut: after so many bytes from the client, or instead of passing an answer on. */
export type Cut = { readonly afterSentBytes: number } | { readonly answerTo: RegExp }

/** Passes TCP on to a server, and resets as many connections as there are cuts, each in its turn. */
export async function cuttingProxy(target: string, cuts: readonly Cut[]): Promise<CuttingProxy> {
  const { hostname, port } = new URL(target)
  const waiting = [...cuts]
  const sockets = new Set<Socket>()
  let sentBytes = 0
  let done = 0
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        // What the client has sent arrives before the end does.
        upstream.end()
      })
    }
    let sent = 0
    let request = ''
    const cut = (): void => {
      waiting.shift()
      done += 1
      client.resetAndDestroy()
    }
    client.on('data', (chunk) => {
      sent += chunk.length
      sentBytes += chunk.length
      request = chunk.toString('latin1', 0, 200)
      const [next] = waiting
      if (!upstream.write(chunk)) {
        client.pause()
        upstream.once('drain', () => client.resume())
      }
      if (next !== undefined && 'afterSentBytes' in next && sent >= next.afterSentBytes) cut()
    })
    upstream.on('data', (chunk) => {
      const [next] = waiting
      if (next !== undefined && 'answerTo' in next && next.answerTo.test(request)) cut()
      else client.write(chunk)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    sentBytes: () => sentBytes,
    cuts: () => done,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
