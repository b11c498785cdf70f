/** The models of artifacts. */
import { type TSchema, Type } from 'typebox'
import { Count, Digest, Id, Name, Time, closed, open, refTo } from './model-parts.ts'

export const FileWish = closed('FileWish', {
  path: Type.String({ minLength: 1, maxLength: 1024 }),
  size: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
  sha256: Digest,
})
export const RelationWish = closed('RelationWish', {
  type: Type.Union(['extends', 'relates-to', 'built-using'].map((type) => Type.Literal(type))),
  target: Id,
})
export const ArtifactWish = closed('ArtifactWish', {
  category: Name,
  data: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  files: Type.Array(refTo(FileWish), { maxItems: 10_000 }),
  relations: Type.Optional(Type.Array(refTo(RelationWish), { maxItems: 1000 })),
  idempotencyKey: Type.Optional(Name),
  expireAfterSeconds: Type.Optional(
    Type.Union([Type.Integer({ minimum: 0, maximum: 100 * 366 * 86_400 }), Type.Null()], {
      description:
        'How long it stays once it is complete and nothing holds it; null: as its workspace says; 0: for ever',
    }),
  ),
})
export const ArtifactWishes = closed('ArtifactWishes', {
  artifacts: Type.Array(refTo(ArtifactWish), { minItems: 1, maxItems: 1000 }),
})
export const ArtifactFile = open('ArtifactFile', {
  path: Type.String(),
  size: Count,
  sha256: Type.String(),
  complete: Type.Boolean(),
  offset: Type.Optional(Type.Integer({ description: 'Bytes that are stored of a file that is not complete' })),
  gone: Type.Optional(Type.String({ enum: ['expired', 'purged'], description: 'Its bytes are there no more' })),
})
export const ArtifactRelation = open('ArtifactRelation', { type: Type.String(), target: Type.Integer() })
export const Artifact = open('Artifact', {
  id: Type.Integer(),
  category: Type.String(),
  data: Type.Record(Type.String(), Type.Unknown()),
  createdAt: Time,
  completedAt: Type.Union([Time, Type.Null()]),
  complete: Type.Boolean(),
  expireAfterSeconds: Type.Union([Type.Integer(), Type.Null()], {
    description: 'Null: as its workspace says; 0: never',
  }),
  expiresAt: Type.Union([Time, Type.Null()], { description: 'Then it goes, unless something holds it' }),
  files: Type.Array(refTo(ArtifactFile)),
  missing: Type.Array(Type.String(), { description: 'Paths of the files that must still be sent' }),
  relations: Type.Array(refTo(ArtifactRelation)),
})
export const ArtifactList = open('ArtifactList', { artifacts: Type.Array(refTo(Artifact)) })
export const ArtifactPage = open('ArtifactPage', {
  artifacts: Type.Array(refTo(Artifact)),
  next: Type.Optional(Type.String({ description: 'Give it as `after` for what follows' })),
})

export const artifactModels: readonly TSchema[] = [
  FileWish,
  RelationWish,
  ArtifactWish,
  ArtifactWishes,
  ArtifactFile,
  ArtifactRelation,
  Artifact,
  ArtifactList,
  ArtifactPage,
]
