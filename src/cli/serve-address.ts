import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { AshlarError } from '../common/errors.ts'

export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/**
 * The address in `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`, `:8080` (all addresses) or `8080` (this machine).
 *
 * @throws AshlarError `usage`
 */
export function parseListenAddress(text: string): ListenAddress {
  const [, bracketed, plain, digits] = /^(?:(?:\[([0-9A-Fa-f:.%\w]+)\]|([^:[\]/]*)):)?(\d{1,5})$/.exec(text) ?? []
  const port = Number(digits)
  if (digits === undefined || port > 65_535) {
    throw new AshlarError('usage', `“${text}” is no address to listen on; it looks like 127.0.0.1:8080.`)
  }
  return { host: bracketed ?? (plain === '' ? '0.0.0.0' : (plain ?? '127.0.0.1')), port }
}

/** `http://127.0.0.1:8080`, as a program on this machine reaches the address. */
export function localUrl({ host, port }: ListenAddress, scheme: 'http' | 'https'): string {
  const name = isEveryAddress(host) ? '127.0.0.1' : host
  return `${scheme}://${name.includes(':') ? `[${name}]` : name}:${port}`
}

/** Whether a server that listens there is reached from elsewhere, under a name that it cannot know. */
export function isEveryAddress(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

/** An address that is taken, by a socket that serves nobody yet. */
export interface ReservedAddress {
  readonly address: ListenAddress
  /** Gives the address up for the server to take. */
  release(): Promise<void>
}

/**
 * Takes the address before anything else is done: whether the port is free, and which one port 0 stands for, has to be
 * known before the public URL goes into what is signed.
 *
 * @throws AshlarError `address-unusable`
 */
export async function reserveAddress(wanted: ListenAddress): Promise<ReservedAddress> {
  const server = createServer((socket) => socket.destroy())
  try {
    server.listen({ host: wanted.host, port: wanted.port })
    await once(server, 'listening')
  } catch (error) {
    throw addressUnusable(wanted, error)
  }
  const { port } = server.address() as AddressInfo
  const release = async (): Promise<void> => {
    if (!server.listening) return
    server.close()
    await once(server, 'close')
  }
  return { address: { host: wanted.host, port }, release }
}

export function addressUnusable({ host, port }: ListenAddress, error: unknown): AshlarError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: 'another program listens there',
    EACCES: 'this user may not listen there',
    EADDRNOTAVAIL: 'this machine does not have the address',
    ENOTFOUND: 'the name is not known',
    EAI_AGAIN: 'the name is not known',
  }
  const reason = (typeof code === 'string' ? reasons[code] : undefined) ?? String(error)
  return new AshlarError('address-unusable', `Ashlar cannot listen on ${host}:${port}: ${reason}.`, { cause: error })
}
