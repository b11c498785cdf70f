/** A proxy on 127.0.0.1 that hands on what one server answers, changed as a test wants it. */
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Passing {
  /** With a leading slash, as the client sent it. */
  readonly path: string
  readonly requestHeaders: IncomingHttpHeaders
  readonly status: number
  readonly bytes: Buffer
}

export interface TamperingProxy extends AsyncDisposable {
  readonly url: string
  /** What passed, in order. */
  readonly passed: readonly Passing[]
}

/** @param tamper the bytes to send instead; `cut: n` closes the connection after n bytes of the body. */
export async function tamperingProxy(
  target: string,
  tamper: (passing: Passing) => Buffer | { readonly cut: number } | undefined,
): Promise<TamperingProxy> {
  const passed: Passing[] = []
  const server = createServer((request, response) => {
    const forward = async (): Promise<void> => {
      const { host: _host, connection: _connection, ...headers } = request.headers
      const answer = await fetch(target + request.url, {
        headers: headers as Record<string, string>,
        redirect: 'manual',
      })
      const bytes = Buffer.from(await answer.arrayBuffer())
      const passing = { path: request.url ?? '', requestHeaders: request.headers, status: answer.status, bytes }
      passed.push(passing)
      const changed = tamper(passing)
      answer.headers.forEach((value, name) => {
        if (!['connection', 'keep-alive', 'content-length'].includes(name)) response.setHeader(name, value)
      })
      if (changed !== undefined && 'cut' in changed) {
        response.writeHead(answer.status, { 'content-length': bytes.length })
        response.write(bytes.subarray(0, changed.cut), () => response.destroy())
        return
      }
      const sent = changed ?? bytes
      // A 304 has the length of what it stands for, if any.
      response.writeHead(answer.status, answer.status === 304 ? {} : { 'content-length': sent.length })
      response.end(sent)
    }
    forward().catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    passed,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** The same bytes with one bit changed in the middle. */
export function flipped(bytes: Buffer): Buffer {
  const other = Buffer.from(bytes)
  const middle = other.length >> 1
  other[middle] = (other[middle] ?? 0) ^ 1
  return other
}
