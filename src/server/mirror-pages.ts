/** The page of a workspace's mirrors, for people. */
import type { MirrorInfo } from '../mirror/mirrors.ts'
import type { MirrorValue } from '../web/mirror-facts.ts'
import { mirrorList } from '../web/mirrors.ts'
import type { App, Context } from './context.ts'
import { inWorkspace } from './parameters.ts'
import { workspaceOf } from './permission.ts'
import { sendPage } from './send-page.ts'

export function mirrorPageRoutes(app: App, { mirrors }: Context): void {
  app.get('/mirrors/:scope/:workspace/', {
    config: { asks: 'read' },
    schema: { hide: true, params: inWorkspace },
    handler: async (request, reply) => {
      const workspace = workspaceOf(request)
      const found = await mirrors.list(workspace)
      return sendPage(reply, mirrorList(workspace, found.map(mirrorValue)), { isPrivate: !workspace.public })
    },
  })
}

/** A mirror as pages tell of it. */
export function mirrorValue({ mirror, completeness }: MirrorInfo): MirrorValue {
  return { ...mirror, completeness }
}
