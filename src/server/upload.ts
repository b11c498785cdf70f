/**
 * Uploads as dput, dput-ng and `curl -T` make them: one PUT for each file, the .changes last.
 *
 * Those programs send credentials only after a 401, read an answer only after they have sent everything, and show little
 * more than the status line. So a body that is not wanted is read to its end first, within bounds, and what was decided
 * stands in the reason phrase (RFC 9112 section 4), with the address of the details.
 */
import { Type } from 'typebox'
import type { Workspace } from '../access/access.ts'
import { AshlarError } from '../common/errors.ts'
import { isSuiteName } from '../debian/names.ts'
import type { Target } from '../incoming/incoming.ts'
import type { App, Context } from './context.ts'
import { bytesOf, operation } from './operation.ts'
import { workspaceParameters } from './parameters.ts'
import { callerOf } from './permission.ts'
import { receiveBody, signalOf } from './request-body.ts'
import { answerUpload, answerWaiting, refuseUpload } from './upload-answer.ts'

const params = Type.Object({
  ...workspaceParameters,
  '*': Type.String({ description: 'The suite, a slash, and the name of the file' }),
})

export function uploadRoutes(app: App, context: Context): void {
  // Within this room any media type is bytes, and they are not collected in memory.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))
  app.setErrorHandler(refuseUpload)
  app.put('/upload/:scope/:workspace/*', {
    config: { asks: 'caller', streamsBody: true },
    schema: operation('putUpload', 'Send one file of an upload, as dput does; the .changes last', {
      tags: ['uploads'],
      params,
      consumes: ['application/octet-stream'],
      response: { 200: bytesOf('text/plain', 'The verdict'), 201: bytesOf('text/plain', 'The file waits') },
    }),
    handler: async (request, reply) => {
      const { scope, workspace, '*': path } = request.params
      const slash = path.lastIndexOf('/')
      if (slash < 1) throw new AshlarError('request-invalid', 'Files go to /upload/SCOPE/WORKSPACE/SUITE/FILE.')
      const target = await targetOf(context, callerOf(request), { scope, workspace, suite: path.slice(0, slash) })
      const name = path.slice(slash + 1)
      const sent = { name, sizeBytes: sizeOf(request.headers), signal: signalOf(reply) }
      const upload = await context.incoming.receive(target, { ...sent, bytes: receiveBody(request, reply) })
      if (upload === undefined) return answerWaiting(reply, name)
      return answerUpload(request, reply, { upload, workspace: target.workspace, publicUrl: context.publicUrl() })
    },
  })
}

/** Who may write to the workspace, or anybody where the suite lets a signature suffice. */
async function targetOf(
  { access, incoming }: Context,
  caller: ReturnType<typeof callerOf>,
  place: { readonly scope: string; readonly workspace: string; readonly suite: string },
): Promise<Target> {
  let workspace: Workspace
  try {
    workspace = await access.workspace(caller, place.scope, place.workspace, 'suite:write')
  } catch (error) {
    const open = isSuiteName(place.suite) ? await openTarget({ access, incoming }, place) : undefined
    if (open === undefined) throw error
    return open
  }
  if (caller.kind === 'anonymous') throw new Error('Nobody writes without a token')
  if (!isSuiteName(place.suite)) throw new AshlarError('suite-unknown', `There is no suite '${place.suite}'.`)
  return { workspace, suite: await incoming.suite(workspace, place.suite), userId: caller.userId }
}

async function openTarget(
  { access, incoming }: Pick<Context, 'access' | 'incoming'>,
  place: { readonly scope: string; readonly workspace: string; readonly suite: string },
): Promise<Target | undefined> {
  const workspace = await access.find(place.scope, place.workspace)
  if (workspace === undefined) return undefined
  const suite = await incoming.suite(workspace, place.suite).catch(() => undefined)
  return suite?.settings.signatureSuffices === true ? { workspace, suite, userId: null } : undefined
}

/** Its room is made before the first byte is read, so the size has to be known. */
function sizeOf(headers: Readonly<Record<string, unknown>>): number {
  const length = headers['content-length']
  if (headers['content-range'] !== undefined) {
    throw new AshlarError('request-invalid', 'A file of an upload is sent whole, without Content-Range.')
  }
  if (typeof length === 'string' && /^\d{1,15}$/.test(length)) return Number(length)
  throw new AshlarError('request-invalid', 'The request has no Content-Length.')
}
