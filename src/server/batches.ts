/** Changes of several steps over any suites of a workspace, sealed or refused as one. */
import type { Workspace } from '../access/access.ts'
import type { Static } from 'typebox'
import type { PackagePlacement, StepRequest } from '../archive/change-request.ts'
import { submitBatch } from './changes.ts'
import type { App, Context } from './context.ts'
import { given } from './given.ts'
import { Batch, type BatchStep, type PackageAddition, SealedBatch, refTo } from './models.ts'
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
      const { kind, suite, ...addition } = step
      return { kind, suite, packages: await placementsOf(context, workspace, addition) }
    }
    case 'edit': {
      const { kind, suite, onPoolConflict } = step
      const add: PackagePlacement[] = []
      for (const addition of step.add) add.push(...(await placementsOf(context, workspace, addition)))
      const gone = await context.artifacts.packagesOf(workspace, step.remove ?? [])
      const remove = [...new Set(gone.map(({ packageId }) => packageId))]
      return { kind, suite, add, remove, ...given({ onPoolConflict }) }
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

async function placementsOf(
  { artifacts }: Context,
  workspace: Workspace,
  { artifacts: ids, ...placement }: Static<typeof PackageAddition>,
): Promise<PackagePlacement[]> {
  const found = await artifacts.packagesOf(workspace, ids)
  const place = given(placement)
  return [...new Set(found.map(({ packageId }) => packageId))].map((packageId) => Object.assign({ packageId }, place))
}
