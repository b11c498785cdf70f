/** The models of changes of suites, and of what became of them. */
import { type Static, type TProperties, type TSchema, Type } from 'typebox'
import { STEPS_PER_BATCH } from '../archive/change-request.ts'
import { InstallReason } from './check-models.ts'
import { priorityPattern, sectionPattern } from '../debian/names.ts'
import { At, Count, Id, Name, Time, closed, open, refTo } from './model-parts.ts'
import { PackageLine, SuiteSettingsWish } from './suite-models.ts'

/** One word, since it becomes a line of a signed index. */
const Section = Type.String({
  maxLength: 255,
  pattern: sectionPattern,
  description: '`net` or `contrib/net`',
})
const Priority = Type.String({ maxLength: 64, pattern: priorityPattern, description: '`optional`' })
export const PackageAddition = closed('PackageAddition', {
  artifacts: Type.Array(Id, { minItems: 1, maxItems: 100_000 }),
  component: Type.Optional(Name),
  section: Type.Optional(Section),
  priority: Type.Optional(Priority),
})
export const PackageSelector = closed('PackageSelector', {
  name: Name,
  version: Type.Optional(Name),
  architecture: Type.Optional(Name),
})
const selectors = Type.Array(refTo(PackageSelector), { minItems: 1, maxItems: 100_000 })
export const PackageRemoval = closed('PackageRemoval', { packages: selectors })
export const SourceSelector = closed('SourceSelector', { name: Name, version: Type.Optional(Name) })
export const PackageCopy = closed(
  'PackageCopy',
  {
    from: Name,
    at: Type.Optional(At),
    fromWorkspace: Type.Optional(
      Type.String({
        maxLength: 512,
        pattern: '^[^/]+/[^/]+$',
        description: 'The workspace of the suite, `scope/name`, which the caller must be allowed to read',
      }),
    ),
    packages: Type.Optional(selectors),
    sources: Type.Optional(
      Type.Array(refTo(SourceSelector), {
        minItems: 1,
        maxItems: 100_000,
        description: 'Sources with all that was built from them, of the versions that the suite has',
      }),
    ),
    filter: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 10_000,
        description: 'A package query (docs/reference/package-queries.md)',
      }),
    ),
    withDeps: Type.Optional(
      Type.Boolean({ description: 'Also what they need and the suite lacks, as far as the other one has it' }),
    ),
  },
  { description: 'What one of `packages`, `sources` and `filter` means; all of the suite without any of them' },
)
export const Rollback = closed('Rollback', { to: At })
export const AliasWish = closed('AliasWish', { suite: Name })
const unmetDescription = 'What packages copied with their dependencies need, and neither suite has; at most 1,000'
export const UnmetNeed = open('UnmetNeed', {
  name: Type.String(),
  version: Type.String(),
  architecture: Type.String({ description: 'On which machines' }),
  relation: Type.String(),
})
export const NewlyUninstallable = open('NewlyUninstallable', {
  suite: Type.String(),
  machine: Type.String({ description: 'The architecture of the machines on which it cannot be installed' }),
  name: Type.String(),
  version: Type.String(),
  architecture: Type.String(),
  reasons: Type.Array(refTo(InstallReason)),
})
const uninstallableDescription = 'What it makes uninstallable in suites that want to be told; the first 20 of each'
export const SealedChange = open('SealedChange', {
  change: Type.Integer(),
  revision: Type.Integer(),
  sealedAt: Time,
  suite: Type.String(),
  added: Type.Array(refTo(PackageLine), { description: 'At most 1,000; `addedCount` counts all' }),
  removed: Type.Array(refTo(PackageLine), { description: 'At most 1,000; `removedCount` counts all' }),
  addedCount: Count,
  removedCount: Count,
  leftOut: Type.Array(refTo(PackageLine), {
    description: 'What a rollback did not bring back, since a file of it was purged; at most 1,000',
  }),
  unmet: Type.Array(refTo(UnmetNeed), { description: unmetDescription }),
  uninstallable: Type.Array(refTo(NewlyUninstallable), { description: uninstallableDescription }),
  unchanged: Type.Boolean(),
  snapshot: Type.String({ description: 'URL under which the archive stays as this change left it' }),
})
export const SealedBatch = open('SealedBatch', {
  change: Type.Integer(),
  revision: Type.Integer({ description: 'The one revision that holds all of it' }),
  sealedAt: Time,
  unchanged: Type.Boolean(),
  addedCount: Count,
  removedCount: Count,
  steps: Type.Array(refTo(SealedChange), { description: 'What became of each step, in their order' }),
  snapshot: Type.String({ description: 'URL under which the archive stays as this change left it' }),
})
export const PreviewedStep = open('PreviewedStep', {
  suite: Type.String(),
  added: Type.Array(refTo(PackageLine), { description: 'At most 1,000; `addedCount` counts all' }),
  removed: Type.Array(refTo(PackageLine), { description: 'At most 1,000; `removedCount` counts all' }),
  addedCount: Count,
  removedCount: Count,
  leftOut: Type.Array(refTo(PackageLine), { description: 'What a rollback would not bring back: it was purged' }),
  unmet: Type.Array(refTo(UnmetNeed), { description: unmetDescription }),
  uninstallable: Type.Array(refTo(NewlyUninstallable), { description: uninstallableDescription }),
})
export const Preview = open('Preview', {
  revision: Type.Integer({ description: 'The one that it was compared with' }),
  steps: Type.Array(refTo(PreviewedStep)),
})
export const Change = open('Change', {
  change: Type.Integer(),
  state: Type.String({ enum: ['preparing', 'pending', 'sealed', 'refused'] }),
  code: Type.Optional(Type.String({ description: 'Why it was refused, as in a problem document' })),
  detail: Type.Optional(Type.String()),
  step: Type.Optional(Type.Integer({ description: 'Of a batch that was refused: which step could not be, from 1' })),
  result: Type.Optional(refTo(SealedChange)),
  batch: Type.Optional(refTo(SealedBatch)),
})
const SuiteName = Type.String({ minLength: 1, maxLength: 255, description: 'A suite, or an alias of one' })
/** A step of a batch: what it does, and the members of the same deed on its own. */
function step<K extends string, T extends TProperties>(kind: K, name: string, members: T) {
  return closed(name, { kind: Type.Literal(kind), ...members })
}
export const SuiteCreateStep = step('suite-create', 'SuiteCreateStep', {
  suite: Name,
  settings: Type.Optional(refTo(SuiteSettingsWish)),
  aliases: Type.Optional(Type.Array(Name, { maxItems: 100 })),
})
export const SuiteUpdateStep = step('suite-update', 'SuiteUpdateStep', {
  suite: SuiteName,
  settings: refTo(SuiteSettingsWish),
})
export const AliasStep = step('alias', 'AliasStep', {
  name: Name,
  suite: Type.Union([SuiteName, Type.Null()], { description: 'Null takes the alias away' }),
})
export const AddStep = step('add', 'AddStep', { suite: SuiteName, ...PackageAddition.properties })
export const EditStep = step('edit', 'EditStep', {
  suite: SuiteName,
  add: Type.Array(refTo(PackageAddition), { maxItems: 10_000, description: 'Each for a place of its own' }),
  remove: Type.Optional(Type.Array(Id, { maxItems: 100_000, description: 'Artifacts whose packages go' })),
  onPoolConflict: Type.Optional(
    Type.Union([Type.Literal('refuse'), Type.Literal('second-path')], {
      description:
        'If a path has meant other bytes: refuse, or lay the package elsewhere and take the place of its twin',
    }),
  ),
})
export const RemoveStep = step('remove', 'RemoveStep', { suite: SuiteName, ...PackageRemoval.properties })
export const CopyStep = step('copy', 'CopyStep', { suite: SuiteName, ...PackageCopy.properties })
export const RollbackStep = step('rollback', 'RollbackStep', { suite: SuiteName, ...Rollback.properties })
const steps = [SuiteCreateStep, SuiteUpdateStep, AliasStep, AddStep, EditStep, RemoveStep, CopyStep, RollbackStep]
export type BatchStep = Static<(typeof steps)[number]>
export const Batch = closed('Batch', {
  steps: Type.Array(
    Type.Unsafe<BatchStep>({
      type: 'object',
      required: ['kind'],
      discriminator: { propertyName: 'kind' },
      oneOf: steps.map((model) => refTo(model)),
    }),
    { minItems: 1, maxItems: STEPS_PER_BATCH, description: 'Done in this order, each on top of those before it' },
  ),
})

export const changeModels: readonly TSchema[] = [
  PackageAddition,
  PackageSelector,
  SourceSelector,
  PackageRemoval,
  PackageCopy,
  Rollback,
  AliasWish,
  UnmetNeed,
  NewlyUninstallable,
  SealedChange,
  SealedBatch,
  PreviewedStep,
  Preview,
  Change,
  ...steps,
  Batch,
]
