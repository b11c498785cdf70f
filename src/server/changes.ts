/** Changes: asking an archive for one, and what became of it. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import type { Workspace } from '../access/access.ts'
import type { ChangeRequest, SealedChange as Sealed } from '../archive/change-request.ts'
import { AshlarError } from '../common/errors.ts'
import { timestamp } from '../common/timestamp.ts'
import type { App, Context } from './context.ts'
import { given } from './given.ts'
import { Change, type SealedChange, refTo } from './models.ts'
import { idempotencyKeyOf, withId } from './parameters.ts'
import { authorIdOf, workspaceOf } from './permission.ts'
import { signalOf } from './request-body.ts'
import { operation } from './operation.ts'

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
      const status = await archives.change(workspace, request.params.id)
      if (status.state !== 'sealed') return status
      return { ...status, result: sealedDocument(status.result, publicUrl(), workspace) }
    },
  })
}

/** Asks for a change and waits until it is sealed. @throws AshlarError the reason why it is refused */
export async function submitChange(
  { archives, metrics, publicUrl }: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  change: ChangeRequest,
): Promise<Static<typeof SealedChange>> {
  const workspace = workspaceOf(request)
  const startedAt = performance.now()
  const seconds = (): number => (performance.now() - startedAt) / 1000
  try {
    const options = { userId: authorIdOf(request), idempotencyKey: idempotencyKeyOf(request), signal: signalOf(reply) }
    const sealed = await archives.submit(workspace, change, given(options))
    metrics.countChange(change.kind, sealed.unchanged ? 'unchanged' : 'sealed', seconds())
    return sealedDocument(sealed, publicUrl(), workspace)
  } catch (error) {
    if (error instanceof AshlarError) metrics.countChange(change.kind, 'refused', seconds())
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
    sealedAt: timestamp(sealed.sealedAt),
    snapshot: snapshotUrl(publicUrl, workspace, sealed.revision),
  }
}
