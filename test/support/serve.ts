/**
 * `ashlar serve` as a child process, for tests that prove promises of the whole program: started and killed at will on
 * one data directory, and spoken to by the client, by the command and by plain HTTP.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { AshlarClient, type WorkspaceClient } from '../../src/client/client.ts'
import { ashlar, type Ended } from '../cli/serving.ts'

const launcher = new URL('../../bin/ashlar.js', import.meta.url).pathname

export interface ServeWish {
  /** Holds `ashlar-data`; commands run here find the server. */
  readonly home: string
  /** Further words of the command, such as the folder to serve. */
  readonly words?: readonly string[]
  /** ASHLAR_FAULT, as src/common/faults.ts reads it. */
  readonly fault?: string
  readonly database?: string
  /** Beside another server on the same data directory: its own name there, and its own token. */
  readonly listen?: string
  readonly env?: Readonly<Record<string, string>>
}

export interface Server extends AsyncDisposable {
  /** Without a slash at its end. */
  readonly url: string
  /** The address of the archive local/main, with a slash at its end. */
  readonly apt: string
  readonly token: string
  readonly pid: number
  readonly home: string
  readonly client: AshlarClient
  /** Asks once: what a test breaks shall be seen. */
  readonly workspace: WorkspaceClient
  /** Resolves when the process is gone, for whatever reason. */
  readonly ended: Promise<Ended>
  readonly stderr: () => string
  /** A request with the admin's token. */
  request(path: string, init?: RequestInit): Promise<Response>
  /** A command beside the data directory. */
  ashlar(...words: string[]): Promise<Ended>
  /** Ends it as a user would. */
  stop(): Promise<Ended>
  /** Ends it as a power cut would. */
  kill(): Promise<Ended>
}

/** Starts a server and waits until it is ready. @throws Error with what it said, if it ends before. */
export async function serve(wish: ServeWish): Promise<Server> {
  const started = await tryServe(wish)
  if ('url' in started) return started
  throw new Error(`serve ended before it was ready: ${JSON.stringify(started)}`)
}

/** Starts a server; gives what it said if it ends before it is ready. */
export async function tryServe(wish: ServeWish): Promise<Server | Ended> {
  const data = join(wish.home, 'ashlar-data')
  const words = [
    'serve',
    ...(wish.words ?? []),
    '--listen',
    wish.listen ?? '127.0.0.1:0',
    '--data',
    data,
    ...(wish.database === undefined ? [] : ['--database', wish.database]),
  ]
  const { ASHLAR_SERVER: _server, ASHLAR_TOKEN: _token, ASHLAR_DATABASE: _database, ...env } = process.env
  const child = spawn(process.execPath, [launcher, ...words], {
    cwd: wish.home,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...env,
      XDG_CONFIG_HOME: '/nonexistent',
      NODE_COMPILE_CACHE: join(tmpdir(), 'ashlar-test-compile-cache'),
      ...(wish.fault === undefined ? {} : { ASHLAR_FAULT: wish.fault }),
      ...wish.env,
    },
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const ended = once(child, 'close').then(([code, signal]): Ended => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
    stdout,
    stderr,
  }))
  const ready = await Promise.race([once(createInterface({ input: child.stdout }), 'line'), ended])
  const url = Array.isArray(ready) ? /http:\/\/[^\s"]+(?=\/)/.exec(String(ready[0]))?.[0] : undefined
  if (url === undefined) return ended
  const token = /token = "(.*)"/.exec(await readFile(join(data, 'client.toml'), 'utf8'))?.[1] ?? ''
  const client = new AshlarClient({ url, token, retries: { attempts: 1, firstDelayMs: 1, longestDelayMs: 1 } })
  const end = async (signal: NodeJS.Signals): Promise<Ended> => {
    client.close()
    child.kill(signal)
    return ended
  }
  return {
    url,
    apt: `${url}/apt/local/main/`,
    token,
    pid: child.pid ?? 0,
    home: wish.home,
    client,
    workspace: client.workspace('local', 'main'),
    ended,
    stderr: () => stderr,
    request: async (path, init = {}) => {
      const headers = new Headers(init.headers)
      headers.set('authorization', `Bearer ${token}`)
      return fetch(url + path, { ...init, headers })
    },
    ashlar: (...command) => ashlar([...command, '--server', url, '--token', token], { cwd: wish.home }),
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    async [Symbol.asyncDispose]() {
      await end('SIGKILL')
    },
  }
}
