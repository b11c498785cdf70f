/** The models of mirrors. */
import { type Static, type TSchema, Type } from 'typebox'
import { extraIndexes } from '../mirror/mirror-settings.ts'
import { refTo, Count, Time } from './model-parts.ts'

const Word = Type.String({ minLength: 1, maxLength: 200 })
const Words = Type.Array(Word, { minItems: 1, maxItems: 200 })
const Indexes = Type.Array(Type.Union(extraIndexes.map((name) => Type.Literal(name))), {
  description: 'What is taken as it is, beside the lists of packages',
})

const Url = Type.String({ maxLength: 2000, description: 'Of the archive: `dists/` and `pool/` lie below it' })
const UpstreamSuite = Type.String({
  minLength: 1,
  maxLength: 200,
  description: 'The suite of the archive; of a flat one a directory, with a slash at its end',
})
const Keyring = Type.String({
  minLength: 1,
  maxLength: 6_000_000,
  description: 'The public keys that sign its Release, armored, or the bytes of a keyring as base64',
})
const OrNull = <Schema extends TSchema>(schema: Schema, description: string) =>
  Type.Optional(Type.Union([schema, Type.Null()], { description }))
const Limit = (description: string) =>
  Type.Optional(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description }))

const settingMembers = {
  expects: OrNull(Word, 'What the Release calls itself; null: its suite or its codename'),
  components: OrNull(Words, 'Null: all that upstream has'),
  architectures: OrNull(Words, 'Null: all that upstream has'),
  sources: Type.Optional(Type.Boolean()),
  udebs: Type.Optional(Type.Boolean({ description: 'Packages of the Debian installer' })),
  filter: OrNull(Type.String({ minLength: 1, maxLength: 10_000 }), 'A query that packages match; null: all are taken'),
  withDeps: Type.Optional(Type.Boolean({ description: 'With a filter: what the matching packages depend on too' })),
  lazy: Type.Optional(Type.Boolean({ description: 'Files are fetched when they are first asked for' })),
  indexes: Type.Optional(Indexes),
  languages: Type.Optional(Words),
  ignoreValidUntil: Type.Optional(Type.Boolean()),
  everySeconds: OrNull(Type.Integer({ minimum: 1 }), 'How often it is updated by itself; null: when it is asked for'),
  maxIndexBytes: Limit('Of one index, as upstream has it'),
  maxFileBytes: Limit('Of one file of a package; larger ones are passed over'),
  maxFetchBytes: Limit('Of all that one update fetches'),
  maxPackages: Limit('Entries of the indexes of packages'),
  timeoutSeconds: Limit('After so long an update ends'),
}

export const MirrorWish = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 63 }),
    url: Url,
    suite: UpstreamSuite,
    into: Type.Optional(
      Type.String({ minLength: 1, maxLength: 200, description: 'The suite here; default: the same' }),
    ),
    ...settingMembers,
    keyring: Keyring,
  },
  { $id: 'MirrorWish', additionalProperties: false },
)
export const MirrorChange = Type.Object(
  {
    url: Type.Optional(Url),
    suite: Type.Optional(UpstreamSuite),
    ...settingMembers,
    keyring: Type.Optional(Keyring),
  },
  { $id: 'MirrorChange', additionalProperties: false, description: 'What is not given stays' },
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
    maxIndexBytes: Count,
    maxFileBytes: Count,
    maxFetchBytes: Count,
    maxPackages: Count,
    timeoutSeconds: Count,
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
  MirrorChange,
  MirrorUpdateWish,
  MirrorKey,
  MirrorWork,
  MirrorUpstream,
  Completeness,
  Mirror,
  MirrorList,
  MirrorRemoved,
]
