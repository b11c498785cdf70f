import { Type } from 'typebox'
import { isArchitecture } from '../debian/names.ts'
import { AshlarError } from '../common/errors.ts'
import { SuiteCheck } from './check-models.ts'
import type { App, Context } from './context.ts'
import { given } from './given.ts'
import { uninstallableDocuments } from './uninstallable-document.ts'
import { At, refTo } from './model-parts.ts'
import { operation } from './operation.ts'
import { inSuite, query } from './parameters.ts'
import { workspaceOf } from './permission.ts'

/** Whether what a suite holds can be installed from it. */
export function suiteCheckRoutes(app: App, { archives }: Context): void {
  app.get('/workspaces/:scope/:workspace/suites/:suite/installability', {
    config: { asks: 'read' },
    schema: operation('checkInstallability', 'Which packages of a suite cannot be installed from it, and why', {
      tags: ['suites'],
      params: inSuite,
      querystring: query({
        at: Type.Optional(At),
        with: Type.Optional(
          Type.String({
            maxLength: 4096,
            description: 'Other suites, comma separated, whose packages may be installed',
          }),
        ),
        architecture: Type.Optional(
          Type.String({ maxLength: 1024, description: 'Comma separated; if absent, those that have packages' }),
        ),
        limit: Type.Integer({
          minimum: 0,
          maximum: 100_000,
          default: 1000,
          description: 'Of how many packages of each architecture the reasons are told',
        }),
      }),
      response: { 200: refTo(SuiteCheck) },
    }),
    handler: async (request) => {
      const { at, with: others, architecture, limit } = request.query
      const architectures = architecture === undefined ? undefined : wordsOf(architecture)
      const wrong = architectures?.find((each) => each === 'all' || !isArchitecture(each))
      if (wrong !== undefined) {
        throw new AshlarError('request-invalid', `'${wrong}' cannot be the architecture of a machine.`)
      }
      const ref = { suite: request.params.suite, at }
      const wish = { with: wordsOf(others ?? ''), limit, ...given({ architectures }) }
      const check = await archives.checkInstallability(workspaceOf(request), ref, wish)
      return {
        architectures: check.architectures.map((each) => ({
          ...each,
          packages: uninstallableDocuments(each.packages),
        })),
      }
    },
  })
}

function wordsOf(text: string): string[] {
  return text.split(',').filter((word) => word !== '')
}
