/**
 * The page that tells what can be installed from a suite. Who reads it costs nothing: it has the last verdict that is
 * known. Only who may publish there has one found anew.
 */
import { Type } from 'typebox'
import type { Workspace } from '../access/access.ts'
import { toldOfLastCheck } from '../archive/installability/last-checks.ts'
import { suiteCheckPage } from '../web/check.ts'
import { checkPath } from '../web/paths.ts'
import type { App, Context } from './context.ts'
import { inWorkspace, query } from './parameters.ts'
import { workspaceOf } from './permission.ts'
import { redirect } from './send.ts'
import { sendPage } from './send-page.ts'

const ofSuite = query({ suite: Type.String() })

export function checkPageRoutes(app: App, { archives }: Context): void {
  app.get('/check/:scope/:workspace/', {
    config: { asks: 'read' },
    schema: { hide: true, params: inWorkspace, querystring: ofSuite },
    handler: async (request, reply) => {
      const workspace = workspaceOf(request)
      const { name: suite, others } = await checkedWith(archives, workspace, request.query.suite)
      const last = await archives.lastCheck(workspace, suite, others)
      const { scope, name } = workspace
      const value = { scope, name, suite, with: others, last: last && { ...last, ...last.check } }
      return sendPage(reply, suiteCheckPage(value), { isPrivate: !workspace.public })
    },
  })
  app.get('/check/:scope/:workspace/now', {
    config: { asks: 'suite:write' },
    schema: { hide: true, params: inWorkspace, querystring: ofSuite },
    handler: async (request, reply) => {
      const workspace = workspaceOf(request)
      const { name: suite, others } = await checkedWith(archives, workspace, request.query.suite)
      await archives.checkInstallability(workspace, { suite }, { with: others, limit: toldOfLastCheck })
      redirect(reply, checkPath(workspace, suite), 'no-store')
      return reply
    },
  })
}

/** A suite, and those that its settings say it is installed together with, as far as there are such. */
async function checkedWith(archives: Context['archives'], workspace: Workspace, named: string) {
  const { name, settings } = await archives.suite(workspace, named)
  if (settings.installabilityWith.length === 0) return { name, others: [] }
  const known = new Set((await archives.suites(workspace)).flatMap((each) => [each.name, ...each.aliases]))
  return { name, others: settings.installabilityWith.filter((other) => known.has(other)) }
}
