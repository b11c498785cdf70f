/** The models of mirrors. See models.ts. */
import { type Static, type TSchema, Type } from 'typebox'
import { extraIndexes } from '../mirror/mirror-settings.ts'
import { refTo } from './models.ts'

const Count = Type.Integer({ minimum: 0 })
const Time = Type.String({ format: 'date-time', description: 'ISO 8601 in UTC with microseconds' })
const Word = Type.String({ minLength: 1, maxLength: 200 })
const Words = Type.Array(Word, { minItems: 1, maxItems: 200 })
const Indexes = Type.Array(Type.Union(extraIndexes.map((name) => Type.Literal(name))), {
  description: 'What is taken as it is, beside the lists of packages',
})

export const MirrorWish = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 63 }),
    url: Type.String({ maxLength: 2000, description: 'Of the archive: `dists/` and `pool/` lie below it' }),
    suite: Type.String({ minLength: 1, maxLength: 200, description: 'The suite of the archive' }),
    into: Type.Optional(
      Type.String({ minLength: 1, maxLength: 200, description: 'The suite here; default: the same' }),
    ),
    expects: Type.Optional(
      Type.String({ ...Word, description: 'What the Release calls itself, if that is neither its suite nor codename' }),
    ),
    components: Type.Optional(Words),
    architectures: Type.Optional(Words),
    sources: Type.Optional(Type.Boolean()),
    udebs: Type.Optional(Type.Boolean({ description: 'Packages of the Debian installer' })),
    filter: Type.Optional(Type.String({ minLength: 1, maxLength: 10_000, description: 'A query that packages match' })),
    withDeps: Type.Optional(Type.Boolean()),
    lazy: Type.Optional(Type.Boolean({ description: 'Files are fetched when they are first asked for' })),
    indexes: Type.Optional(Indexes),
    languages: Type.Optional(Words),
    ignoreValidUntil: Type.Optional(Type.Boolean()),
    everySeconds: Type.Optional(Type.Integer({ minimum: 1, description: 'How often it is updated by itself' })),
    keyring: Type.String({
      minLength: 1,
      maxLength: 6_000_000,
      description: 'The public keys that sign its Release, armored, or the bytes of a keyring as base64',
    }),
  },
  { $id: 'MirrorWish', additionalProperties: false },
)
export const MirrorUpdateWish = Type.Object(
  {
    acceptCodename: Type.Optional(
      Type.Boolean({ description: 'Go over to another codename, if that is what the suite means now' }),
    ),
  },
  { $id: 'MirrorUpdateWish', additionalProperties: false },
)
const MirrorKey = Type.Object(
  { fingerprint: Type.String(), userIds: Type.Array(Type.String()), expiresAt: Type.Union([Time, Type.Null()]) },
  { $id: 'MirrorKey' },
)
const MirrorWork = Type.Object(
  {
    kind: Type.Union([Type.Literal('update'), Type.Literal('fill')]),
    state: Type.Union([Type.Literal('running'), Type.Literal('done'), Type.Literal('failed')]),
    startedAt: Time,
    finishedAt: Type.Union([Time, Type.Null()]),
    code: Type.Optional(Type.String({ description: 'Of the error that ended it' })),
    detail: Type.Optional(Type.String()),
  },
  { $id: 'MirrorWork' },
)
const MirrorUpstream = Type.Object(
  {
    date: Type.String({ description: 'Of its Release' }),
    suite: Type.String(),
    codename: Type.String(),
    signers: Type.Array(Type.String(), { description: 'Fingerprints of the keys with a good signature on it' }),
    revision: Type.Integer({ description: 'The revision here that holds it' }),
    takenAt: Time,
    checkedAt: Type.String({ description: 'When it was last found to be still so' }),
  },
  { $id: 'MirrorUpstream' },
)
const Completeness = Type.Object(
  { files: Count, bytes: Count, filesHere: Count, bytesHere: Count },
  { $id: 'Completeness', description: 'How much of what the suite lists is here; the rest is only upstream' },
)
export const Mirror = Type.Object(
  {
    name: Type.String(),
    suite: Type.String({ description: 'The suite here' }),
    url: Type.String(),
    upstreamSuite: Type.String(),
    components: Type.Union([Type.Array(Type.String()), Type.Null()], { description: 'Null: all' }),
    architectures: Type.Union([Type.Array(Type.String()), Type.Null()], { description: 'Null: all' }),
    sources: Type.Boolean(),
    udebs: Type.Boolean(),
    filter: Type.Union([Type.String(), Type.Null()]),
    withDeps: Type.Boolean(),
    lazy: Type.Boolean(),
    indexes: Type.Array(Type.String()),
    languages: Type.Array(Type.String()),
    everySeconds: Type.Union([Type.Integer(), Type.Null()]),
    nextAt: Type.Union([Time, Type.Null()]),
    store: Type.String({ description: 'The remote store that its files come from' }),
    keys: Type.Array(refTo(MirrorKey)),
    upstream: Type.Union([refTo(MirrorUpstream), Type.Null()], { description: 'Null before the first update' }),
    completeness: Type.Union([refTo(Completeness), Type.Null()]),
    lastWork: Type.Union([refTo(MirrorWork), Type.Null()]),
  },
  { $id: 'Mirror' },
)
export const MirrorList = Type.Object({ mirrors: Type.Array(refTo(Mirror)) }, { $id: 'MirrorList' })
export const MirrorRemoved = Type.Object(
  { removed: Type.String(), completeness: Type.Union([refTo(Completeness), Type.Null()]) },
  { $id: 'MirrorRemoved' },
)

export type MirrorDocument = Static<typeof Mirror>

export const mirrorModels: readonly TSchema[] = [
  MirrorWish,
  MirrorUpdateWish,
  MirrorKey,
  MirrorWork,
  MirrorUpstream,
  Completeness,
  Mirror,
  MirrorList,
  MirrorRemoved,
]
