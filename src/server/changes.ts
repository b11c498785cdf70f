/** Changes: asking an archive for one, and what became of it. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { Type } from 'typebox'
import type { Workspace } from '../access/access.ts'
import type { ChangeStatus, SubmitOptions } from '../archive/archives.ts'
import type {
  ChangeRequest,
  SealedBatch as Batch,
  SealedChange as Sealed,
  StepRequest,
} from '../archive/change-request.ts'
import { AshlarError } from '../common/errors.ts'
import { timestamp } from '../common/timestamp.ts'
import type { App, Context } from './context.ts'
import { given } from './given.ts'
import type { Metrics } from './metrics.ts'
import { Change, type SealedBatch, type SealedChange } from './change-models.ts'
import { refTo } from './model-parts.ts'
import { idempotencyKeyOf, inWorkspace, query, withId } from './parameters.ts'
import { authorIdOf, workspaceOf } from './permission.ts'
import { signalOf } from './request-body.ts'
import { requireSettingNames } from './setting-names.ts'
import { operation } from './operation.ts'
import { uninstallableDocuments } from './uninstallable-document.ts'

export function changeRoutes(app: App, { archives, publicUrl }: Context): void {
  app.get('/workspaces/:scope/:workspace/changes/:id', {
    config: { asks: 'read' },
    schema: operation('getChange', 'What became of a change', {
      tags: ['changes'],
      params: withId,
      response: { 200: refTo(Change) },
    }),
    handler: async (request) => {
      const workspace = workspaceOf(request)
      return statusDocument(await archives.change(workspace, request.params.id), publicUrl(), workspace)
    },
  })
  app.get('/workspaces/:scope/:workspace/changes', {
    config: { asks: 'suite:write' },
    schema: operation('getChangeOfKey', 'What became of the change that was asked for with an idempotency key', {
      tags: ['changes'],
      params: inWorkspace,
      querystring: query({ key: Type.String({ minLength: 1, maxLength: 255 }) }),
      response: { 200: refTo(Change) },
    }),
    handler: async (request) => {
      const workspace = workspaceOf(request)
      return statusDocument(await archives.changeOfKey(workspace, request.query.key), publicUrl(), workspace)
    },
  })
}

function statusDocument(status: ChangeStatus, publicUrl: string, workspace: Workspace): Static<typeof Change> {
  if (status.state !== 'sealed') return status
  if ('batch' in status) return { ...status, batch: batchDocument(status.batch, publicUrl, workspace) }
  return { ...status, result: sealedDocument(status.result, publicUrl, workspace) }
}

/** Asks for a change and waits until it is sealed. @throws AshlarError the reason why it is refused */
export async function submitChange(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  change: StepRequest,
): Promise<Static<typeof SealedChange>> {
  const { archives, metrics, publicUrl } = context
  const workspace = workspaceOf(request)
  await requireSense(context, request, [change])
  const sealed = await counted(metrics, change.kind, () =>
    archives.submit(workspace, change, optionsOf(request, reply)),
  )
  return sealedDocument(sealed, publicUrl(), workspace)
}

/** Asks for several changes as one. @throws AshlarError the reason why one of them is refused, and with it all */
export async function submitBatch(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  steps: readonly StepRequest[],
): Promise<Static<typeof SealedBatch>> {
  const { archives, metrics, publicUrl } = context
  const workspace = workspaceOf(request)
  await requireSense(context, request, steps)
  const sealed = await counted(metrics, 'batch', () =>
    archives.submitBatch(workspace, steps, optionsOf(request, reply)),
  )
  return batchDocument(sealed, publicUrl(), workspace)
}

/**
 * What other rooms than the archive know: the one gate for packages from outside (what is copied from suite to suite has
 * passed it), and the names of keyrings. Of a change that was asked for before, its names meant something then.
 */
async function requireSense(context: Context, request: FastifyRequest, steps: readonly StepRequest[]): Promise<void> {
  const { archives, incoming } = context
  const workspace = workspaceOf(request)
  const key = idempotencyKeyOf(request)
  const before = key === undefined ? undefined : await archives.requestOfKey(workspace, key)
  if (before === undefined) await requireSettingNames(context, workspace, steps)
  for (const step of steps) {
    if (step.kind === 'add' || step.kind === 'edit') await incoming.requireUnsigned(workspace, step.suite)
  }
}

function optionsOf(request: FastifyRequest, reply: FastifyReply): SubmitOptions {
  return given({ userId: authorIdOf(request), idempotencyKey: idempotencyKeyOf(request), signal: signalOf(reply) })
}

async function counted<T extends { readonly unchanged: boolean }>(
  metrics: Metrics,
  kind: ChangeRequest['kind'],
  submit: () => Promise<T>,
): Promise<T> {
  const startedAt = performance.now()
  const seconds = (): number => (performance.now() - startedAt) / 1000
  try {
    const sealed = await submit()
    metrics.countChange(kind, sealed.unchanged ? 'unchanged' : 'sealed', seconds())
    return sealed
  } catch (error) {
    if (error instanceof AshlarError) metrics.countChange(kind, 'refused', seconds())
    throw error
  }
}

/** Where a workspace's repository is for apt, with a slash at its end. */
export function repositoryUrl(publicUrl: string, { scope, name }: Workspace): string {
  return `${publicUrl.replace(/\/+$/, '')}/apt/${encodeURIComponent(scope)}/${encodeURIComponent(name)}/`
}

export function snapshotUrl(publicUrl: string, workspace: Workspace, revision: number): string {
  return `${repositoryUrl(publicUrl, workspace)}snapshot/r${revision}/`
}

function sealedDocument(sealed: Sealed, publicUrl: string, workspace: Workspace): Static<typeof SealedChange> {
  return {
    ...sealed,
    added: [...sealed.added],
    removed: [...sealed.removed],
    leftOut: [...sealed.leftOut],
    unmet: [...sealed.unmet],
    uninstallable: uninstallableDocuments(sealed.uninstallable),
    sealedAt: timestamp(sealed.sealedAt),
    snapshot: snapshotUrl(publicUrl, workspace, sealed.revision),
  }
}

function batchDocument(batch: Batch, publicUrl: string, workspace: Workspace): Static<typeof SealedBatch> {
  return {
    ...batch,
    sealedAt: timestamp(batch.sealedAt),
    steps: batch.steps.map((step) => sealedDocument(step, publicUrl, workspace)),
    snapshot: snapshotUrl(publicUrl, workspace, batch.revision),
  }
}
