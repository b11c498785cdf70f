/** The pages of uploads, for people. */
import { uploadDetails, uploadList } from '../web/uploads.ts'
import type { App, Context } from './context.ts'
import { inWorkspace, withId } from './parameters.ts'
import { workspaceOf } from './permission.ts'
import { sendPage } from './send-page.ts'

/** How many uploads a page lists. */
const uploadsOnPage = 100

export function uploadPageRoutes(app: App, { incoming }: Context): void {
  app.get('/upload/:scope/:workspace/', {
    config: { asks: 'read' },
    schema: { hide: true, params: inWorkspace },
    handler: async (request, reply) => {
      const workspace = workspaceOf(request)
      const found = await incoming.uploads(workspace, { limit: uploadsOnPage })
      return sendPage(reply, uploadList(workspace, found), { isPrivate: !workspace.public })
    },
  })
  app.get('/upload/:scope/:workspace/:id(^\\d{1,15}$)', {
    config: { asks: 'read' },
    schema: { hide: true, params: withId },
    handler: async (request, reply) => {
      const workspace = workspaceOf(request)
      const upload = await incoming.upload(workspace, request.params.id)
      return sendPage(reply, uploadDetails(workspace, upload), { isPrivate: !workspace.public })
    },
  })
}
