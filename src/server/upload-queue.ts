/** Uploads that came, and what was decided about them; deciding one whose files are an artifact. */
import { Type } from 'typebox'
import { AshlarError } from '../common/errors.ts'
import { timestamp } from '../common/timestamp.ts'
import type { App, Context } from './context.ts'
import { given } from './given.ts'
import { refTo } from './model-parts.ts'
import { operation } from './operation.ts'
import { inSuite, inWorkspace, limitParameter, query, withId } from './parameters.ts'
import { userIdOf, workspaceOf } from './permission.ts'
import { summaryOf, uploadDocument } from './upload-answer.ts'
import { Upload, UploadPage, UploadWish, WaitingList } from './upload-models.ts'

const workspacePath = '/workspaces/:scope/:workspace'
const tags = ['uploads']

export function uploadQueueRoutes(app: App, { incoming, publicUrl }: Context): void {
  app.get(`${workspacePath}/uploads`, {
    config: { asks: 'read' },
    schema: operation('listUploads', 'Uploads with a .changes, the newest first', {
      tags,
      params: inWorkspace,
      querystring: query({
        suite: Type.Optional(Type.String()),
        state: Type.Optional(Type.String({ enum: ['accepting', 'accepted', 'refused'] })),
        before: Type.Optional(Type.Integer({ minimum: 1, description: 'Only uploads below this number' })),
        limit: limitParameter,
      }),
      response: { 200: refTo(UploadPage) },
    }),
    handler: async (request) => {
      const workspace = workspaceOf(request)
      const { limit, suite, before } = request.query
      const state = request.query.state as 'accepting' | 'accepted' | 'refused' | undefined
      const found = await incoming.uploads(workspace, { limit, ...given({ suite, state, before }) })
      const next = found.length === limit ? found.at(-1)?.id : undefined
      const uploads = found.map((upload) => uploadDocument({ upload, workspace, publicUrl: publicUrl() }))
      return { uploads, ...given({ next }) }
    },
  })
  app.get(`${workspacePath}/uploads/:id`, {
    config: { asks: 'read' },
    schema: operation('getUpload', 'An upload and the verdict on every part of it', {
      tags,
      params: withId,
      response: { 200: refTo(Upload) },
    }),
    handler: async (request) => {
      const workspace = workspaceOf(request)
      const upload = await incoming.upload(workspace, request.params.id)
      return uploadDocument({ upload, workspace, publicUrl: publicUrl() })
    },
  })
  app.get(`${workspacePath}/incoming`, {
    config: { asks: 'suite:write' },
    schema: operation('listIncoming', 'Files that wait for their .changes', {
      tags,
      params: inWorkspace,
      response: { 200: refTo(WaitingList) },
    }),
    handler: async (request) => {
      const files = await incoming.waiting(workspaceOf(request))
      return {
        files: files.map((file) => ({
          ...file,
          receivedAt: timestamp(file.receivedAt),
          expiresAt: timestamp(file.expiresAt),
        })),
      }
    },
  })
  app.post(`${workspacePath}/suites/:suite/uploads`, {
    config: { asks: 'suite:write' },
    schema: operation('submitUpload', 'Judge an upload whose files are a debian:upload, and publish it', {
      tags,
      params: inSuite,
      body: refTo(UploadWish),
      response: { 200: refTo(Upload) },
    }),
    handler: async (request) => {
      const workspace = workspaceOf(request)
      const suite = await incoming.suite(workspace, request.params.suite)
      const target = { workspace, suite, userId: userIdOf(request) }
      const upload = await incoming.submit(target, request.body.artifact)
      const document = uploadDocument({ upload, workspace, publicUrl: publicUrl() })
      if (upload.state !== 'refused') return document
      throw new AshlarError('upload-refused', summaryOf(upload), { extra: { upload: document } })
    },
  })
}
