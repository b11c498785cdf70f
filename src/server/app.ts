/**
 * HTTP: what the rooms below say and do, on the network. One file per resource (artifacts, suites, changes, scopes,
 * tokens, stores, apt, health, pages), and one per concern of the protocol (authentication, permission, conditions and ranges,
 * sending, bodies, problems). What is decided here is how a request is understood and answered, never what is right
 * for an archive.
 *
 * A request goes: route, permission (before its body is read), body, validation, handler, answer.
 */
import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import fastify, { type FastifyBaseLogger, type FastifyServerOptions, LogController } from 'fastify'
import { AshlarError } from '../common/errors.ts'
import { aptRoutes } from './apt.ts'
import { artifactFileRoutes } from './artifact-files.ts'
import { artifactRoutes } from './artifacts.ts'
import { batchRoutes } from './batches.ts'
import { checkPageRoutes } from './check-pages.ts'
import { changeRoutes } from './changes.ts'
import type { App, Context, ServerDependencies } from './context.ts'
import { fsckRoutes } from './fsck.ts'
import { grantRoutes } from './grants.ts'
import { healthRoutes } from './health.ts'
import { keyringRoutes } from './keyrings.ts'
import { maintenanceRoutes } from './maintenance.ts'
import { refuseMethods } from './methods.ts'
import { mirrorPageRoutes } from './mirror-pages.ts'
import { mirrorRoutes } from './mirrors.ts'
import { openMetrics } from './metrics.ts'
import { apiDocument, describeApi } from './openapi.ts'
import { pageRoutes } from './pages.ts'
import { readIntegers } from './parameters.ts'
import { askPermission } from './permission.ts'
import { sendProblem } from './problem.ts'
import { purgeRoutes } from './purge.ts'
import { measureRequests } from './request-metrics.ts'
import { handleExpectations } from './request-body.ts'
import { compileOnFirstUse } from './schema-compilers.ts'
import { scopeRoutes } from './scopes.ts'
import { storeRoutes } from './stores.ts'
import { suiteCheckRoutes } from './suite-check.ts'
import { suitePackageRoutes } from './suite-packages.ts'
import { suiteRoutes } from './suites.ts'
import { tokenRoutes } from './tokens.ts'
import { userRoutes } from './users.ts'
import { uploadPageRoutes } from './upload-pages.ts'
import { uploadQueueRoutes } from './upload-queue.ts'
import { uploadRoutes } from './upload.ts'
import { whyRoutes } from './why.ts'

export type { App, ServerDependencies } from './context.ts'

export interface ServerOptions {
  /** PEM; without it the server speaks plain HTTP. */
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer }
  /** Which proxies may say who the client is (X-Forwarded-*): true for all, or addresses and networks. */
  readonly trustProxy?: boolean | string | readonly string[]
  readonly logger?: FastifyBaseLogger
}

const MIB = 1024 * 1024
/** A thousand artifacts with their control fields; files go another way and have no limit here. */
const jsonLimitBytes = 8 * MIB
/** A connection on which nothing moves. Sealing a large change is the longest silence there is. */
const silenceMs = 10 * 60_000
/** Longer than proxies keep theirs, so that they close first and no request meets a closing connection. */
const keepAliveMs = 75_000
const headersMs = 30_000

/** The server, ready to `listen` or `inject`. Closing it answers what is under way first. */
export function buildServer(dependencies: ServerDependencies, options: ServerOptions = {}): App {
  const context: Context = { ...dependencies, metrics: openMetrics(dependencies.database) }
  const app = newFastify(options)
  app.server.headersTimeout = headersMs
  app.setErrorHandler(sendProblem)
  compileOnFirstUse(app)
  handleExpectations(app)
  measureRequests(app, context.metrics)
  askPermission(app, context)
  readIntegers(app)
  refuseMethods(app)
  closeGracefully(app)
  describeApi(app)
  void app.register(async (root) => {
    healthRoutes(root, context)
    pageRoutes(root, context)
    aptRoutes(root, context)
    uploadPageRoutes(root, context)
    mirrorPageRoutes(root, context)
    checkPageRoutes(root, context)
  })
  void app.register(async (files) => uploadRoutes(files, context))
  void app.register(async (api) => apiRoutes(api, context), { prefix: '/api/v1' })
  return app
}

function apiRoutes(api: App, context: Context): void {
  api.addHook('onRequest', async (_request, reply) => {
    void reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff')
  })
  apiDocument(api)
  artifactRoutes(api, context)
  suiteRoutes(api, context)
  suitePackageRoutes(api, context)
  suiteCheckRoutes(api, context)
  changeRoutes(api, context)
  mirrorRoutes(api, context)
  batchRoutes(api, context)
  uploadQueueRoutes(api, context)
  keyringRoutes(api, context)
  scopeRoutes(api, context)
  tokenRoutes(api, context)
  userRoutes(api, context)
  grantRoutes(api, context)
  storeRoutes(api, context)
  maintenanceRoutes(api, context)
  fsckRoutes(api, context)
  whyRoutes(api, context)
  purgeRoutes(api, context)
  void api.register(async (files) => artifactFileRoutes(files, context))
}

function newFastify({ tls, trustProxy, logger }: ServerOptions): App {
  const instance = randomBytes(4).toString('hex')
  let requests = 0
  const options: FastifyServerOptions & { https: object | null } = {
    https: tls === undefined ? null : { ...tls },
    trustProxy: typeof trustProxy === 'object' ? [...trustProxy] : (trustProxy ?? false),
    bodyLimit: jsonLimitBytes,
    connectionTimeout: silenceMs,
    keepAliveTimeout: keepAliveMs,
    // Uploads may take hours; a silent connection is ended by its time-out.
    requestTimeout: 0,
    logController: new LogController({ disableRequestLogging: true }),
    requestIdHeader: false,
    genReqId: () => `${instance}-${(requests += 1).toString(36)}`,
    routerOptions: { maxParamLength: 4096 },
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    frameworkErrors: (error, request, reply) =>
      sendProblem(new AshlarError('request-invalid', `${error.message}.`), request, reply),
    clientErrorHandler: refuseConnection,
    ...(logger === undefined ? {} : { loggerInstance: logger }),
  }
  // Fastify types a server by its kind; whether it speaks TLS makes no difference to anything here.
  const app: unknown = fastify(options)
  return app as App
}

/**
 * When the server closes, a connection ends with the answer that is under way on it. Without this it would be kept
 * alive for the next request, and closing would wait for its time-out.
 */
function closeGracefully(app: App): void {
  let isClosing = false
  app.addHook('preClose', (done) => {
    isClosing = true
    done()
  })
  app.addHook('onResponse', (_request, _reply, done) => {
    if (isClosing) setImmediate(() => app.server.closeIdleConnections())
    done()
  })
}

/** Answers what is not even HTTP, as far as an answer can be given. */
function refuseConnection(error: { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const [status, reason] = connectionProblems[error.code ?? ''] ?? [400, 'Bad Request']
  const title = `The request is not valid HTTP (${error.code ?? 'unknown error'}).`
  const body = JSON.stringify({
    type: 'urn:ashlar:error:request-invalid',
    code: 'request-invalid',
    title,
    status,
    detail: title,
  })
  socket.end(
    `HTTP/1.1 ${status} ${reason}\r\nContent-Type: application/problem+json\r\nCache-Control: no-store\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
}

const connectionProblems: Readonly<Record<string, readonly [number, string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'Request Header Fields Too Large'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'Request Timeout'],
}
