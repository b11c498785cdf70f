import type { Static } from 'typebox'
import { Type } from 'typebox'
import type { Artifact as StoredArtifact } from '../artifact/artifacts.ts'
import { timestamp } from '../common/timestamp.ts'
import type { App, Context } from './context.ts'
import { given } from './given.ts'
import { Artifact, ArtifactList, ArtifactPage, ArtifactWishes } from './artifact-models.ts'
import { refTo } from './model-parts.ts'
import { empty, operation } from './operation.ts'
import { inWorkspace, limitParameter, query, withId } from './parameters.ts'
import { authorIdOf, workspaceOf } from './permission.ts'

const tags = ['artifacts']
const artifactsPath = '/workspaces/:scope/:workspace/artifacts'

/** Artifacts as documents; their bytes are in artifact-files.ts. */
export function artifactRoutes(app: App, { artifacts }: Context): void {
  app.post(artifactsPath, {
    config: { asks: 'artifact:create' },
    schema: operation('createArtifacts', 'Announce artifacts; the answer says which files must be sent', {
      tags,
      params: inWorkspace,
      body: refTo(ArtifactWishes),
      response: { 201: refTo(ArtifactList) },
    }),
    handler: async (request, reply) => {
      const { artifacts: wishes } = request.body
      const created = await artifacts.create(workspaceOf(request), wishes, { userId: authorIdOf(request) })
      return reply.code(201).send({ artifacts: created.map(artifactDocument) })
    },
  })
  app.get(artifactsPath, {
    config: { asks: 'read' },
    schema: operation('listArtifacts', 'The artifacts of a workspace', {
      tags,
      params: inWorkspace,
      querystring: query({
        category: Type.Optional(Type.String()),
        name: Type.Optional(Type.String()),
        after: Type.Optional(Type.String()),
        limit: limitParameter,
      }),
      response: { 200: refTo(ArtifactPage) },
    }),
    handler: async (request) => {
      const { category, name, after, limit } = request.query
      const page = await artifacts.list(workspaceOf(request), given({ category, name, after, limit }))
      return { artifacts: page.items.map(artifactDocument), ...given({ next: page.next }) }
    },
  })
  app.get(`${artifactsPath}/:id`, {
    config: { asks: 'read' },
    schema: operation('getArtifact', 'One artifact', { tags, params: withId, response: { 200: refTo(Artifact) } }),
    handler: async (request) => artifactDocument(await artifacts.get(workspaceOf(request), request.params.id)),
  })
  app.delete(`${artifactsPath}/:id`, {
    config: { asks: 'artifact:delete' },
    schema: operation('deleteArtifact', 'Delete an artifact that nothing holds', {
      tags,
      params: withId,
      response: { 204: empty('It is gone') },
    }),
    handler: async (request, reply) => {
      await artifacts.delete(workspaceOf(request), request.params.id)
      return reply.code(204).send()
    },
  })
}

export function artifactDocument(artifact: StoredArtifact): Static<typeof Artifact> {
  return {
    ...artifact,
    data: { ...artifact.data },
    files: artifact.files.map((file) => ({ ...file })),
    missing: [...artifact.missing],
    relations: artifact.relations.map((relation) => ({ ...relation })),
    createdAt: timestamp(artifact.createdAt),
    completedAt: artifact.completedAt === null ? null : timestamp(artifact.completedAt),
    expiresAt: artifact.expiresAt === null ? null : timestamp(artifact.expiresAt),
  }
}
