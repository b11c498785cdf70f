/** The repository itself: what apt asks for, below /apt/{scope}/{workspace}/. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Served } from '../archive/archives.ts'
import type { ByteRange } from './byte-range.ts'
import { aptPath } from './apt-path.ts'
import type { App, Context } from './context.ts'
import { workspaceOf } from './permission.ts'
import { type Opened, type Resource, redirect, sendResource } from './send.ts'

/** Served without a schema: nothing is parsed and nothing is serialized on this way. */
export function aptRoutes(app: App, context: Context): void {
  const { archives } = context
  app.route({
    method: ['GET', 'HEAD'],
    url: '/apt/:scope/:workspace/*',
    config: { asks: 'read' },
    schema: { hide: true },
    handler: async (request, reply) => {
      const workspace = workspaceOf(request)
      const path = aptPath(request.raw.url ?? '')
      let served = await archives.resolve(workspace, path)
      // Proven before anything is said of it: of what only an index tells, the size may be wrong.
      if (request.method === 'GET' && served.kind === 'file' && (await archives.bring(served, workspace.scopeId))) {
        served = await archives.resolve(workspace, path)
      }
      await sendServed(request, reply, served, context)
      return reply
    },
  })
}

async function sendServed(
  request: FastifyRequest,
  reply: FastifyReply,
  served: Served,
  context: Context,
): Promise<void> {
  if (served.kind === 'redirect') return redirect(reply, served.location, 'no-cache')
  const { contentType, cache, lastModified } = served
  const etag = `"${served.etag}"`
  const workspace = workspaceOf(request)
  const isPrivate = !workspace.public
  const bytes = bytesOf(served, workspace.scopeId, context)
  await sendResource(request, reply, { contentType, etag, cache, lastModified, isPrivate, ...bytes })
}

function bytesOf(
  served: Exclude<Served, { kind: 'redirect' }>,
  scopeId: number,
  { archives, storage }: Context,
): Pick<Resource, 'sizeBytes' | 'link' | 'confirm' | 'open'> {
  if (served.kind === 'bytes') {
    const open = (range?: ByteRange): Opened => ({
      kind: 'bytes',
      bytes: served.bytes.subarray(range?.start, range?.end),
    })
    return { sizeBytes: served.bytes.length, open }
  }
  if (served.kind === 'file') {
    const { file } = served
    return {
      sizeBytes: file.sizeBytes,
      link: () => storage.link(file, scopeId),
      confirm: () => storage.confirm(file),
      async open(range) {
        return { kind: 'stream', ...(await storage.open(file, scopeId, range)) }
      },
    }
  }
  return {
    sizeBytes: served.sizeBytes,
    open: (range) => ({ kind: 'stream', stream: archives.readPieces(served.pieces, range) }),
  }
}
