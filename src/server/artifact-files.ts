/** The bytes of artifacts: sending them piece by piece, asking how far one came, and getting them back. */
import { Type } from 'typebox'
import type { ArtifactFile } from '../artifact/artifacts.ts'
import { AshlarError } from '../common/errors.ts'
import { artifactDocument } from './artifacts.ts'
import { sentPart } from './content-range.ts'
import type { App, Context } from './context.ts'
import { Artifact } from './artifact-models.ts'
import { refTo } from './model-parts.ts'
import { bytesOf, empty, operation } from './operation.ts'
import { withId } from './parameters.ts'
import { workspaceOf } from './permission.ts'
import { receiveBody, signalOf } from './request-body.ts'
import { sendResource, sendStream } from './send.ts'

const tags = ['artifacts']
const filePath = '/workspaces/:scope/:workspace/artifacts/:id/files/*'
const params = Type.Object({ ...withId.properties, '*': Type.String({ description: 'The path of the file' }) })

export function artifactFileRoutes(app: App, context: Context): void {
  sendFiles(app, context)
  getFiles(app, context)
  getArchive(app, context)
}

function sendFiles(app: App, { artifacts }: Context): void {
  // Within this room any media type is bytes, and they are not collected in memory.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))
  app.put(filePath, {
    config: { asks: 'artifact:create', streamsBody: true },
    schema: operation('putFile', 'Send the bytes of a file, or with Content-Range a part that continues it', {
      tags,
      params,
      consumes: ['application/octet-stream'],
      response: { 200: refTo(Artifact), 202: refTo(Artifact) },
    }),
    handler: async (request, reply) => {
      const { id, '*': path } = request.params
      const workspace = workspaceOf(request)
      const part = sentPart(request.headers['content-range'], request.headers['content-length'])
      const total = part.total ?? (await artifacts.offset(workspace, id, path)).size
      const body = { bytes: receiveBody(request, reply), start: part.start, total }
      const artifact = await artifacts.upload(workspace, id, path, body, signalOf(reply))
      const file = fileOf(artifact.files, path)
      if (!file.complete) void reply.code(202).header('upload-offset', file.offset ?? 0)
      return reply.send(artifactDocument(artifact))
    },
  })
}

function getFiles(app: App, { artifacts }: Context): void {
  app.route({
    method: ['GET', 'HEAD'],
    url: filePath,
    config: { asks: 'read' },
    schema: operation('getFile', 'The bytes of a file; HEAD says how many are stored of one that is not complete', {
      tags,
      params,
      response: {
        200: bytesOf('application/octet-stream', 'The bytes'),
        204: empty('For HEAD: Upload-Offset bytes are stored'),
        206: bytesOf('application/octet-stream', 'The bytes of a range'),
      },
    }),
    handler: async (request, reply) => {
      const { id, '*': path } = request.params
      const workspace = workspaceOf(request)
      const file = fileOf((await artifacts.get(workspace, id)).files, path)
      requireThere(file)
      if (!file.complete) {
        if (request.method === 'GET') throw new AshlarError('artifact-incomplete', `The file ${path} is not complete.`)
        const { offset } = await artifacts.offset(workspace, id, path)
        return reply.code(204).header('upload-offset', offset).send()
      }
      await sendResource(request, reply, {
        contentType: 'application/octet-stream',
        etag: `"${file.sha256}"`,
        sizeBytes: file.size,
        cache: 'revalidate',
        isPrivate: !workspace.public,
        headers: untrusted,
        link: () => artifacts.linkToFile(workspace, id, path),
        open: async (range) => ({ kind: 'stream', ...(await artifacts.openFile(workspace, id, path, range)) }),
      })
      return reply
    },
  })
}

function getArchive(app: App, { artifacts }: Context): void {
  app.get('/workspaces/:scope/:workspace/artifacts/:id(^\\d+).tar', {
    config: { asks: 'read' },
    schema: operation('getArtifactTar', 'All files of an artifact as a tar', {
      tags,
      params: withId,
      response: { 200: bytesOf('application/x-tar', 'The tar') },
    }),
    handler: async (request, reply) => {
      const { id } = request.params
      const workspace = workspaceOf(request)
      for (const file of (await artifacts.get(workspace, id)).files) requireThere(file)
      const headers = { 'Content-Type': 'application/x-tar', 'Cache-Control': 'no-store', ...untrusted }
      await sendStream(request, reply, { status: 200, headers, stream: artifacts.tarStream(workspace, id) })
      return reply
    },
  })
}

/** What somebody stored must not run in a browser as a page of this server. */
const untrusted = {
  'Content-Disposition': 'attachment',
  'Content-Security-Policy': "default-src 'none'; sandbox",
  'X-Content-Type-Options': 'nosniff',
}

function fileOf(files: readonly ArtifactFile[], path: string): ArtifactFile {
  const file = files.find((file) => file.path === path)
  if (file === undefined) throw new AshlarError('not-found', `The artifact has no file ${path}.`)
  return file
}

/** Also where nothing is opened: for HEAD, and for who has the bytes already. */
function requireThere({ path, sha256, gone }: ArtifactFile): void {
  if (gone === undefined) return
  const what = gone === 'purged' ? 'was removed on purpose' : 'has expired'
  throw new AshlarError('gone', `The file ${path} (${sha256}) ${what}.`)
}
