/** The models of explanations and purges. */
import { type Static, type TSchema, Type } from 'typebox'
import { refTo, Count } from './model-parts.ts'

const Time = Type.String({ format: 'date-time' })

function orNull<T extends TSchema>(schema: T, options: { description?: string } = {}) {
  return Type.Union([schema, Type.Null()], options)
}

export const WhyCopy = Type.Object(
  {
    store: Type.String(),
    state: Type.String({ enum: ['present', 'damaged', 'condemned', 'deleting'] }),
    generation: orNull(Count, { description: 'Null within a workspace' }),
    since: orNull(Time, { description: 'Since when it is in that state; null of a present one' }),
    reason: orNull(Type.String()),
    verifiedAt: orNull(Time, { description: 'When its bytes were last read back' }),
  },
  { $id: 'WhyCopy' },
)
export const WhyGone = Type.Object(
  {
    since: Time,
    reason: Type.String({ enum: ['expired', 'purged'] }),
    by: orNull(Type.String()),
    said: orNull(Type.String({ description: 'The reason that was given' })),
  },
  { $id: 'WhyGone' },
)
export const WhyFile = Type.Object(
  {
    sha256: Type.String(),
    size: orNull(Count, { description: 'Null if the file was purged before it ever came' }),
    gone: orNull(refTo(WhyGone)),
    copies: Type.Array(refTo(WhyCopy)),
  },
  { $id: 'WhyFile' },
)
export const WhyHolder = Type.Object(
  {
    kind: Type.String({ enum: ['artifact', 'suite', 'relation', 'pack'] }),
    workspace: Type.String({ description: '`scope/name`' }),
    id: Type.Optional(Type.Integer({ description: 'The artifact; of a relation the one that relates' })),
    category: Type.Optional(Type.String()),
    path: Type.Optional(Type.String()),
    expiresAt: Type.Optional(orNull(Time)),
    rule: Type.Optional(Type.String({ enum: ['own', 'workspace', 'incomplete'] })),
    suite: Type.Optional(Type.String()),
    package: Type.Optional(Type.String()),
    version: Type.Optional(Type.String()),
    architecture: Type.Optional(Type.String()),
    component: Type.Optional(Type.String()),
    fromRevision: Type.Optional(orNull(Type.Integer(), { description: 'Null while it waits to be sealed' })),
    untilRevision: Type.Optional(orNull(Type.Integer(), { description: 'The last one that has it; null: now' })),
    heldBecause: Type.Optional(Type.String()),
    type: Type.Optional(Type.String({ description: 'Of a relation' })),
    target: Type.Optional(Type.Integer({ description: 'The artifact that it relates to' })),
    revision: Type.Optional(orNull(Type.Integer(), { description: 'Of a pack: the revision that made it' })),
  },
  { $id: 'WhyHolder' },
)
export const WhyFate = Type.Object(
  {
    kind: Type.String({ enum: ['kept', 'goes', 'gone'] }),
    sentence: Type.String(),
    at: Type.Optional(orNull(Time, { description: 'When it goes, or soon after; null: it cannot be told' })),
    rule: Type.Optional(Type.String()),
    since: Type.Optional(Time),
    by: Type.Optional(Type.String({ description: 'Who purged it' })),
  },
  { $id: 'WhyFate' },
)
export const Why = Type.Object(
  {
    subject: Type.String(),
    kind: Type.String({ enum: ['artifact', 'file', 'pool-path'] }),
    fate: refTo(WhyFate),
    files: Type.Array(refTo(WhyFile), { description: 'At most 100' }),
    heldBy: Type.Array(refTo(WhyHolder), { description: 'Of each kind at most 100; `total` counts all' }),
    total: Count,
  },
  { $id: 'Why' },
)

export const PurgeWish = Type.Object(
  {
    reason: Type.String({
      minLength: 1,
      maxLength: 1000,
      pattern: '\\S',
      description: 'Why; shown to whoever may read a workspace that had the file',
    }),
  },
  { $id: 'PurgeWish', additionalProperties: false },
)
export const PurgedCopy = Type.Object(
  {
    store: Type.String(),
    outcome: Type.String({
      enum: ['deleted', 'pending'],
      description: 'Pending: the store cannot be reached now; a later vacuum deletes it there',
    }),
  },
  { $id: 'PurgedCopy' },
)
export const PurgeListing = Type.Object(
  {
    workspace: Type.String({ description: '`scope/name`' }),
    suite: Type.String(),
    package: Type.String(),
    version: Type.String(),
    architecture: Type.String(),
    component: Type.String(),
  },
  { $id: 'PurgeListing' },
)
export const Purge = Type.Object(
  {
    sha256: Type.String(),
    purgedAt: Time,
    copies: Type.Array(refTo(PurgedCopy)),
    artifacts: Count,
    listedIn: Type.Array(refTo(PurgeListing), { description: 'At most 100; `listedInTotal` counts all' }),
    listedInTotal: Count,
  },
  { $id: 'Purge' },
)

export type WhyDocument = Static<typeof Why>

export const whyModels: readonly TSchema[] = [
  WhyCopy,
  WhyGone,
  WhyFile,
  WhyHolder,
  WhyFate,
  Why,
  PurgeWish,
  PurgedCopy,
  PurgeListing,
  Purge,
]
