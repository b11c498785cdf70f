/** Changes of several steps over any suites of a workspace, sealed or refused as one. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import type { Workspace } from '../access/access.ts'
import type { Preview as Previewed } from '../archive/archives.ts'
import type { PackagePlacement, StepRequest } from '../archive/change-request.ts'
import { submitBatch } from './changes.ts'
import type { App, Context } from './context.ts'
import { copyRequest, requestBefore } from './copy-between.ts'
import { given } from './given.ts'
import { Batch, type BatchStep, type PackageAddition, Preview, SealedBatch } from './change-models.ts'
import { refTo } from './model-parts.ts'
import { operation } from './operation.ts'
import { uninstallableDocuments } from './uninstallable-document.ts'
import { inWorkspace } from './parameters.ts'
import { callerOf, workspaceOf } from './permission.ts'
import { signalOf } from './request-body.ts'
import { requireSettingNames } from './setting-names.ts'

export function batchRoutes(app: App, context: Context): void {
  app.post('/workspaces/:scope/:workspace/changes', {
    config: { asks: 'suite:write' },
    schema: operation('changeSuites', 'Change several suites in one revision, or none of them', {
      tags: ['changes'],
      params: inWorkspace,
      body: refTo(Batch),
      response: { 200: refTo(SealedBatch) },
    }),
    handler: async (request, reply) =>
      submitBatch(context, request, reply, await requestsOf(context, request, reply, 'deed')),
  })
  app.post('/workspaces/:scope/:workspace/changes/preview', {
    config: { asks: 'suite:write' },
    schema: operation('previewChanges', 'What such changes would do now; nothing is changed', {
      tags: ['changes'],
      params: inWorkspace,
      body: refTo(Batch),
      response: { 200: refTo(Preview) },
    }),
    handler: async (request, reply) => {
      const steps = await requestsOf(context, request, reply, 'preview')
      await requireSettingNames(context, workspaceOf(request), steps)
      return previewDocument(await context.archives.preview(workspaceOf(request), steps, { signal: signalOf(reply) }))
    },
  })
}

/** @throws AshlarError forbidden for a step that takes another role */
async function requestsOf(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  as: 'deed' | 'preview',
): Promise<StepRequest[]> {
  const workspace = workspaceOf(request)
  const { steps } = request.body as Static<typeof Batch>
  if (steps.some(takesManager)) {
    await context.access.workspace(callerOf(request), workspace.scope, workspace.name, 'suite:manage')
  }
  const recorded = as === 'deed' ? await requestBefore(context, request) : undefined
  const signal = signalOf(reply)
  const requests: StepRequest[] = []
  for (const [i, step] of steps.entries()) {
    const before = recorded?.kind === 'batch' ? recorded.steps[i] : undefined
    requests.push(
      step.kind === 'copy'
        ? await copyStep(context, request, step, { as, asStep: true, before, signal })
        : await requestOf(context, workspace, step),
    )
  }
  return requests
}

function previewDocument({ revision, steps }: Previewed): Static<typeof Preview> {
  return {
    revision,
    steps: steps.map((step) => ({
      ...step,
      added: [...step.added],
      removed: [...step.removed],
      leftOut: [...step.leftOut],
      unmet: [...step.unmet],
      uninstallable: uninstallableDocuments(step.uninstallable),
    })),
  }
}

/** What the same deed on its own asks for. */
function takesManager({ kind }: BatchStep): boolean {
  return kind === 'suite-create' || kind === 'suite-update' || kind === 'alias'
}

async function copyStep(
  context: Context,
  request: FastifyRequest,
  { kind: _, suite, ...wish }: Extract<BatchStep, { kind: 'copy' }>,
  options: Parameters<typeof copyRequest>[4],
): Promise<StepRequest> {
  return copyRequest(context, request, suite, wish, options)
}

async function requestOf(
  context: Context,
  workspace: Workspace,
  step: Exclude<BatchStep, { kind: 'copy' }>,
): Promise<StepRequest> {
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
