import type { Static } from 'typebox'
import { Type } from 'typebox'
import { timestamp } from '../common/timestamp.ts'
import type { Explanation, Fate, Gone, Holder, WhyFile as ToldFile } from '../maintenance/maintenance.ts'
import type { App, Context } from './context.ts'
import { operation } from './operation.ts'
import { inWorkspace, query } from './parameters.ts'
import { workspaceOf } from './permission.ts'
import { Why, type WhyDocument, type WhyFate, type WhyFile, type WhyGone, type WhyHolder } from './why-models.ts'
import { refTo } from './model-parts.ts'

const tags = ['maintenance']
const answer = { 200: refTo(Why) }

/** Why something is kept, when it goes, or why it is gone. */
export function whyRoutes(app: App, { maintenance }: Context): void {
  app.get('/workspaces/:scope/:workspace/why', {
    config: { asks: 'read' },
    schema: operation('getWhy', 'Why a workspace keeps something, when it goes, or why it is gone', {
      tags,
      params: inWorkspace,
      querystring: query({
        subject: Type.String({ description: 'The number of an artifact, a SHA-256 digest, or a path below `pool/`' }),
      }),
      response: answer,
    }),
    handler: async (request) => {
      const view = { kind: 'workspace' as const, workspace: workspaceOf(request) }
      return whyDocument(await maintenance.why(request.query.subject, view))
    },
  })
  app.get('/why', {
    config: { asks: 'instance:manage' },
    schema: operation('getWhyEverywhere', 'The same over all workspaces', {
      tags,
      querystring: query({ subject: Type.String({ description: 'The number of an artifact, or a SHA-256 digest' }) }),
      response: answer,
    }),
    handler: async (request) => whyDocument(await maintenance.why(request.query.subject, { kind: 'instance' })),
  })
}

function whyDocument({ subject, kind, fate, files, heldBy, total }: Explanation): WhyDocument {
  return {
    subject,
    kind,
    fate: fateDocument(fate),
    files: files.map(fileDocument),
    heldBy: heldBy.map(holderDocument),
    total,
  }
}

function fateDocument(fate: Fate): Static<typeof WhyFate> {
  if (fate.kind === 'goes') return { ...fate, at: fate.at === null ? null : timestamp(fate.at) }
  return fate.kind === 'gone' ? { ...fate, since: timestamp(fate.since) } : { ...fate }
}

function fileDocument({ sha256, sizeBytes, gone, copies }: ToldFile): Static<typeof WhyFile> {
  return {
    sha256,
    size: sizeBytes,
    gone: gone === null ? null : goneDocument(gone),
    copies: copies.map((copy) => ({
      ...copy,
      since: copy.since === null ? null : timestamp(copy.since),
      verifiedAt: copy.verifiedAt === null ? null : timestamp(copy.verifiedAt),
    })),
  }
}

function goneDocument(gone: Gone): Static<typeof WhyGone> {
  return { ...gone, since: timestamp(gone.since) }
}

function holderDocument(holder: Holder): Static<typeof WhyHolder> {
  if (holder.kind !== 'artifact') return { ...holder }
  return { ...holder, expiresAt: holder.expiresAt === null ? null : timestamp(holder.expiresAt) }
}
