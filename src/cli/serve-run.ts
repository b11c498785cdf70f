import { constants } from 'node:fs'
import { access as mayAccess, readFile, realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import type { Logger } from 'pino'
import { openAccess } from '../access/access.ts'
import type { Access, Workspace } from '../access/access.ts'
import { openArchives } from '../archive/archives.ts'
import type { Archives } from '../archive/archives.ts'
import { followFolder } from '../archive/folder/folder.ts'
import { openArtifacts } from '../artifact/artifacts.ts'
import type { Artifacts } from '../artifact/artifacts.ts'
import { AshlarError } from '../common/errors.ts'
import type { Faults } from '../common/faults.ts'
import { lockDataDirectory } from '../database/data-directory-lock.ts'
import { openDatabase } from '../database/database.ts'
import type { Database } from '../database/database.ts'
import { Incoming } from '../incoming/incoming.ts'
import { Maintenance } from '../maintenance/maintenance.ts'
import { isSuiteName } from '../debian/names.ts'
import { Mirrors } from '../mirror/mirrors.ts'
import { buildServer } from '../server/app.ts'
import type { App, ServerOptions } from '../server/app.ts'
import { openStorage } from '../storage/storage.ts'
import type { Storage } from '../storage/storage.ts'
import { unreadable } from './local-file.ts'
import { addressUnusable, isEveryAddress, localUrl, parseListenAddress, reserveAddress } from './serve-address.ts'
import type { ReservedAddress } from './serve-address.ts'
import { dataDirectoryUnusable, prepareDataDirectory, writeClientFile } from './serve-data.ts'
import { openLog } from './serve-log.ts'
import { onStopSignals, StoppedBySignal } from './serve-signals.ts'
import type { ServeOptions } from './serve.ts'
import { parseWorkspace } from './session.ts'
import type { GlobalOptions } from './session.ts'
import { counted } from './wording.ts'

/** How long requests under way may take to end after a signal. */
const LAST_ANSWERS_MS = 3000

export interface ServeEnvironment {
  readonly global: GlobalOptions
  readonly faults: Faults
}

/** Runs the server until a signal; resolves when everything is closed. */
export async function serve(
  directory: string | undefined,
  options: ServeOptions,
  environment: ServeEnvironment,
): Promise<void> {
  const wanted = parseListenAddress(options.listen)
  const workspace = parseWorkspace(environment.global.workspace)
  const publicUrl = options.publicUrl === undefined ? undefined : parsePublicUrl(options.publicUrl)
  const tls = await readTls(options)
  if (!isSuiteName(options.suite)) {
    throw new AshlarError('suite-setting-invalid', `“${options.suite}” cannot be the name of a suite.`)
  }
  if (directory !== undefined) await requireFolder(directory)
  using stop = onStopSignals()
  await using closing = new AsyncDisposableStack()
  try {
    const reserved = await reserveAddress(wanted)
    closing.defer(() => reserved.release())
    const { signal } = stop
    await run({ directory, options, environment, workspace, publicUrl, reserved, tls, signal, closing })
  } catch (error) {
    if (!(error instanceof StoppedBySignal) && !stop.signal.aborted) throw error
  }
}

interface Run {
  readonly directory: string | undefined
  readonly options: ServeOptions
  readonly environment: ServeEnvironment
  readonly workspace: { readonly scope: string; readonly name: string }
  /** Without a last slash; undefined for where the server listens. */
  readonly publicUrl: string | undefined
  readonly reserved: ReservedAddress
  readonly tls: ServerOptions['tls']
  readonly signal: AbortSignal
  /** What is opened is closed in the opposite order. */
  readonly closing: AsyncDisposableStack
}

interface Rooms {
  readonly database: Database
  readonly storage: Storage
  readonly access: Access
  readonly artifacts: Artifacts
  readonly archives: Archives
  readonly incoming: Incoming
  readonly mirrors: Mirrors
  readonly maintenance: Maintenance
}

async function run(context: Run): Promise<void> {
  const { directory, options, environment, reserved, tls, signal, closing } = context
  const { address } = reserved
  const here = localUrl(address, tls === undefined ? 'http' : 'https')
  const publicUrl = context.publicUrl ?? here
  const dataDirectory = await prepareDataDirectory(options.data)
  if (directory !== undefined) await requireOutside(directory, dataDirectory)
  const log = openLog(environment.global.quiet === true ? 'warn' : options.logLevel)
  const rooms = await openRooms(context, dataDirectory, publicUrl, log)
  signal.throwIfAborted()
  const { adminToken } = await rooms.access.ensureFirstStart()
  const clientUrl = tls === undefined ? here : publicUrl
  const token = await writeClientFile(dataDirectory, `${clientUrl}/`, { access: rooms.access, firstToken: adminToken })
  const workspace = await workspaceFor(token, context, rooms)
  const app = buildServer(
    { ...rooms, publicUrl: () => publicUrl },
    {
      logger: requestLog(log),
      ...(tls === undefined ? {} : { tls }),
      ...(options.trustProxy && { trustProxy: options.trustProxy }),
    },
  )
  closing.defer(() => closeServer(app))
  // The server gets ready while the folder is read, and answers when what was read is published.
  const [packages] = await Promise.all([
    directory === undefined ? undefined : follow(context, { directory, dataDirectory, workspace, rooms, log }),
    app.ready(),
  ])
  await reserved.release()
  await app.listen({ host: address.host, port: address.port }).catch((error: unknown) => {
    throw addressUnusable(address, error)
  })
  if (isEveryAddress(address.host) && options.publicUrl === undefined) {
    log.warn(`Other machines reach this server under a name that it does not know: set it with --public-url.`)
  }
  if (rooms.database.dialect === 'postgres' && options.publicUrl === undefined) {
    log.warn('Servers that share a database name one address in what they publish: set the same --public-url for all.')
  }
  const suites = await rooms.archives.suites(workspace)
  const suite = suites.find((each) => each.name === options.suite || each.aliases.includes(options.suite))
  const sources = suite && (await rooms.archives.sources(workspace, { suite: options.suite }))
  const ready = { url: `${here}/`, publicUrl: `${publicUrl}/`, dataDirectory, suite: options.suite, packages, sources }
  const lines = [`Ashlar is ready on ${here}/`, ...guidance({ directory, packages, sources, suite: options.suite })]
  // One line, which a script can wait for.
  process.stdout.write(`${environment.global.json === true ? JSON.stringify(ready) : lines.join('\n')}\n`)
  await aborted(signal)
}

/** Opens room by room; each is closed when the server ends, the last one first. */
async function openRooms(context: Run, dataDirectory: string, publicUrl: string, log: Logger): Promise<Rooms> {
  const { options, environment, closing } = context
  const { faults } = environment
  const url = options.database ?? `sqlite:${join(dataDirectory, 'ashlar.db')}`
  if (url.startsWith('sqlite:')) {
    const lock = lockedDirectory(dataDirectory)
    closing.defer(() => lock.release())
  }
  const database = await openDatabase(url, {
    onIdleError: (error) => log.warn(`A connection to PostgreSQL broke and is replaced: ${error.message}`),
  })
  closing.use(database)
  const storage = await openStorage({
    database,
    dataDirectory,
    faults,
    onBadCopy: (error) => log.warn({ err: error }, 'A copy of a file could not be read; another one is tried.'),
  })
  closing.use(storage)
  const artifacts = openArtifacts({ database, storage, faults })
  closing.use(artifacts)
  const onArchiveError = (error: unknown): void =>
    log.error({ err: error }, 'Work on an archive failed; it is tried again.')
  const archives = await openArchives({
    database,
    storage,
    faults,
    publicUrl: () => publicUrl,
    soleProcess: database.dialect === 'sqlite',
    onError: onArchiveError,
  })
  closing.defer(() => archives.close())
  // Under another address than before, what is live has to say so.
  await archives.reissue(onArchiveError)
  const incoming = new Incoming({
    database,
    storage,
    artifacts,
    archives,
    faults,
    onError: (error) => log.error({ err: error }, 'An upload could not be finished; it is tried again.'),
  })
  closing.use(incoming)
  await incoming.resume(database.dialect === 'sqlite' ? 0 : 60_000)
  const mirrors = new Mirrors({
    database,
    storage,
    archives,
    onError: (error, { name }) => log.error({ err: error, mirror: name }, 'A mirror could not be updated.'),
  })
  closing.use(mirrors)
  mirrors.start()
  const maintenance = new Maintenance({
    database,
    storage,
    archives,
    faults,
    onError: (error) => log.error({ err: error }, 'Part of a vacuum failed; the next one tries again.'),
  })
  closing.use(maintenance)
  maintenance.start()
  return { database, storage, access: openAccess(database), artifacts, archives, incoming, mirrors, maintenance }
}

function lockedDirectory(dataDirectory: string): { release(): void } {
  try {
    return lockDataDirectory(dataDirectory)
  } catch (error) {
    throw error instanceof AshlarError ? error : dataDirectoryUnusable(dataDirectory, error)
  }
}

/** Publishes the folder, and follows it until the server ends. Returns how many packages it holds. */
async function follow(
  { options, environment, signal, closing }: Run,
  folder: { directory: string; dataDirectory: string; workspace: Workspace; rooms: Rooms; log: Logger },
): Promise<number> {
  const shown = process.stderr.isTTY && environment.global.quiet !== true && environment.global.json !== true
  const end = new AbortController()
  const { directory, dataDirectory, workspace, rooms, log } = folder
  const followed = await followFolder({
    directory,
    suite: options.suite,
    workspace,
    artifacts: rooms.artifacts,
    archives: rooms.archives,
    spool: rooms.storage.spool,
    dataDirectory,
    signal: AbortSignal.any([signal, end.signal]),
    log: { info: (sentence) => log.info(sentence), warn: (sentence) => log.warn(sentence) },
    ...(shown && { onProgress: showReading }),
  })
  closing.defer(async () => {
    end.abort()
    await followed.done
  })
  return followed.packages
}

function showReading(read: number, total: number): void {
  if (read === total) process.stderr.write('\r\x1b[K')
  else if (read % 50 === 0) process.stderr.write(`\r\x1b[KReading packages: ${read} of ${total}`)
}

/** The workspace that the server was started for, with the rights of the token in its client.toml. */
async function workspaceFor(token: string, context: Run, { access }: Rooms): Promise<Workspace> {
  const { scope, name } = context.workspace
  return access.workspace(
    await access.callerOf(token),
    scope,
    name,
    context.directory === undefined ? 'read' : 'suite:write',
  )
}

/** What follows the ready line: a stanza that can be pasted as it is, comments included. */
function guidance(found: {
  directory: string | undefined
  packages: number | undefined
  sources: string | undefined
  suite: string
}): string[] {
  const { directory, packages, sources, suite } = found
  if (sources === undefined) {
    return [
      '# There is nothing to install yet. Make a suite and upload packages to it:',
      `#   ashlar suite create ${suite}`,
      `#   ashlar upload --suite ${suite} FILE...`,
    ]
  }
  const content =
    packages === undefined
      ? `The suite ${suite}`
      : `${counted(packages, 'package')} of ${directory} in the suite ${suite}`
  return [`# ${content}; for /etc/apt/sources.list.d/ashlar.sources:`, sources.trimEnd()]
}

/** What Fastify has to say of itself is for those who look for a fault. */
function requestLog(log: Logger): Logger {
  return log.level === 'info' ? log.child({}, { level: 'warn' }) : log
}

async function closeServer(app: App): Promise<void> {
  const timer = setTimeout(() => app.server.closeAllConnections(), LAST_ANSWERS_MS)
  await app.close()
  clearTimeout(timer)
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  const { promise, resolve } = Promise.withResolvers<void>()
  signal.addEventListener('abort', () => resolve(), { once: true })
  await promise
}

async function requireFolder(directory: string): Promise<void> {
  try {
    if (!(await stat(directory)).isDirectory()) {
      throw new AshlarError('file-unreadable', `${directory} is not a folder.`)
    }
    await mayAccess(directory, constants.R_OK | constants.X_OK)
  } catch (error) {
    throw unreadable(directory, error)
  }
}

/** A folder within the data directory would be passed over, file by file. */
async function requireOutside(directory: string, dataDirectory: string): Promise<void> {
  const [inner, outer] = [await realpath(directory), await realpath(dataDirectory)]
  if (inner !== outer && !inner.startsWith(outer + sep)) return
  throw new AshlarError(
    'usage',
    `${directory} lies in the data directory ${dataDirectory}; choose another with --data.`,
  )
}

async function readTls({ tlsCert, tlsKey }: ServeOptions): Promise<ServerOptions['tls']> {
  if (tlsCert === undefined && tlsKey === undefined) return undefined
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new AshlarError('usage', 'TLS takes both --tls-cert and --tls-key.')
  }
  return { cert: await readPem(tlsCert), key: await readPem(tlsKey) }
}

async function readPem(file: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (error) {
    throw unreadable(file, error)
  }
}

/** Without a last slash. */
function parsePublicUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '') {
    throw new AshlarError('usage', `“${text}” is not the URL of a server; it looks like https://packages.example.org/.`)
  }
  return url.href.replace(/\/+$/, '')
}
