import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AddressInfo } from 'node:net'
import { openAccess } from '../../src/access/access.ts'
import { openArchives } from '../../src/archive/archives.ts'
import { openArtifacts } from '../../src/artifact/artifacts.ts'
import { openDatabase } from '../../src/database/database.ts'
import { Incoming } from '../../src/incoming/incoming.ts'
import { Maintenance } from '../../src/maintenance/maintenance.ts'
import { Mirrors } from '../../src/mirror/mirrors.ts'
import { type App, type ServerDependencies, type ServerOptions, buildServer } from '../../src/server/app.ts'
import { openStorage } from '../../src/storage/storage.ts'

export interface OpenServer {
  readonly app: App
  readonly rooms: ServerDependencies
  readonly url: string
  readonly port: number
  /** A token of the admin. */
  readonly token: string
  /** A call of the API below /api/v1, as the admin unless another token, or none, is given. */
  readonly call: (method: string, path: string, wish?: CallWish) => Promise<Answer>
}

export interface CallWish {
  readonly json?: unknown
  readonly body?: Uint8Array
  readonly token?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read answers whose shape is what they assert
  readonly body: any
}

/** All the real rooms over a temporary directory, with the server on a free port; closed when the test ends. */
export async function openServer(
  t: { after(close: () => Promise<void>): void },
  options: ServerOptions = {},
): Promise<OpenServer> {
  const directory = await mkdtemp(join(tmpdir(), 'ashlar-server-'))
  const database = await openDatabase(`sqlite:${join(directory, 'database.sqlite')}`)
  const storage = await openStorage({ database, dataDirectory: directory })
  const access = openAccess(database)
  const artifacts = openArtifacts({ database, storage })
  let url = ''
  const archives = await openArchives({ database, storage, publicUrl: () => url })
  const incoming = new Incoming({ database, storage, artifacts, archives })
  const mirrors = new Mirrors({ database, storage, archives })
  const maintenance = new Maintenance({ database, storage, archives })
  const { adminToken: token = '' } = await access.ensureFirstStart()
  const rooms = { database, storage, access, artifacts, archives, incoming, mirrors, maintenance, publicUrl: () => url }
  const app = buildServer(rooms, options)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  url = `http://127.0.0.1:${port}`
  t.after(async () => {
    await app.close()
    await incoming[Symbol.asyncDispose]()
    await maintenance[Symbol.asyncDispose]()
    await mirrors[Symbol.asyncDispose]()
    await archives.close()
    await artifacts.close()
    await storage[Symbol.asyncDispose]()
    await database.close()
    await rm(directory, { recursive: true })
  })
  const call = async (method: string, path: string, wish: CallWish = {}): Promise<Answer> => {
    const secret = 'token' in wish ? wish.token : token
    const json = wish.json === undefined ? undefined : JSON.stringify(wish.json)
    const body = json ?? (wish.body === undefined ? undefined : new Uint8Array(wish.body))
    const answer = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: {
        ...(secret === undefined ? {} : { authorization: `Bearer ${secret}` }),
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        ...wish.headers,
      },
      ...(body === undefined ? {} : { body }),
    })
    const text = await answer.text()
    const isJson = /json/.test(answer.headers.get('content-type') ?? '')
    return { status: answer.status, headers: answer.headers, body: isJson ? JSON.parse(text) : text }
  }
  return { app, rooms, url, port, token, call }
}
