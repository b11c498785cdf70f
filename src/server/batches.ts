/** Changes of several steps over any suites of a workspace, sealed or refused as one. */
import type { Workspace } from '../access/access.ts'
import type { StepRequest } from '../archive/change-request.ts'
import { submitBatch } from './changes.ts'
import type { App, Context } from './context.ts'
import { given } from './given.ts'
import { Batch, type BatchStep, SealedBatch, refTo } from './models.ts'
import { operation } from './operation.ts'
import { inWorkspace } from './parameters.ts'
import { callerOf, workspaceOf } from './permission.ts'

export function batchRoutes(app: App, context: Context): void {
  app.post('/workspaces/:scope/:workspace/changes', {
    config: { asks: 'suite:write' },
    schema: operation('changeSuites', 'Change several suites in one revision, or none of them', {
      tags: ['changes'],
      params: inWorkspace,
      body: refTo(Batch),
      response: { 200: refTo(SealedBatch) },
    }),
    handler: async (request, reply) => {
      const workspace = workspaceOf(request)
      const { steps } = request.body
      if (steps.some(takesManager)) {
        await context.access.workspace(callerOf(request), workspace.scope, workspace.name, 'suite:manage')
      }
      const requests: StepRequest[] = []
      for (const step of steps) requests.push(await requestOf(context, workspace, step))
      return submitBatch(context, request, reply, requests)
    },
  })
}

/** What the same deed on its own asks for. */
function takesManager({ kind }: BatchStep): boolean {
  return kind === 'suite-create' || kind === 'suite-update' || kind === 'alias'
}

async function requestOf(context: Context, workspace: Workspace, step: BatchStep): Promise<StepRequest> {
  switch (step.kind) {
    case 'suite-create': {
      const { settings = {}, ...rest } = step
      return given({ ...rest, settings })
    }
    case 'add': {
      const { kind, suite, artifacts, ...placement } = step
      const found = await context.artifacts.packagesOf(workspace, artifacts)
      const packageIds = new Set(found.map(({ packageId }) => packageId))
      const place = given(placement)
      return { kind, suite, packages: [...packageIds].map((packageId) => Object.assign({ packageId }, place)) }
    }
    case 'copy': {
      const { kind, suite, from, at, packages } = step
      return { kind, suite, from: { suite: from, ...given({ at }) }, ...given({ packages }) }
    }
    case 'suite-update':
    case 'alias':
    case 'remove':
    case 'rollback':
      return step
  }
}
