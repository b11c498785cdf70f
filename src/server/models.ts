/**
 * The models of the API: what a request may hold and what an answer holds. Each has a name in the OpenAPI document;
 * requests are checked against them before a handler runs, and refuse members that are not named here.
 */
import { type Static, type TObject, type TProperties, type TSchema, Type } from 'typebox'
import { STEPS_PER_BATCH } from '../archive/change-request.ts'
import { InstallReason } from './check-models.ts'
import { refTo } from './model-reference.ts'
import { priorityPattern, sectionPattern } from '../debian/names.ts'

export { refTo } from './model-reference.ts'

/** An object with these members and no others, as the body of a request. */
function closed<T extends TProperties>(name: string, members: T, options: { description?: string } = {}): TObject<T> {
  return Type.Object(members, { $id: name, additionalProperties: false, ...options })
}

function open<T extends TProperties>(name: string, members: T, options: { description?: string } = {}): TObject<T> {
  return Type.Object(members, { $id: name, ...options })
}

export const Id = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })
const Count = Type.Integer({ minimum: 0 })
const Time = Type.String({ format: 'date-time', description: 'ISO 8601 in UTC with microseconds' })
const Name = Type.String({ minLength: 1, maxLength: 255 })
const Digest = Type.String({ pattern: '^[0-9a-fA-F]{64}$', description: 'SHA-256 in hexadecimal digits' })
export const At = Type.String({
  maxLength: 64,
  description: 'A revision (`r17`) or a moment (`20261123T080127Z`, ISO 8601)',
})

export const Problem = open(
  'Problem',
  {
    type: Type.String({ description: 'Stable name of the kind of problem: `urn:ashlar:error:` and the code' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: 'What is wrong in this case' }),
    instance: Type.String(),
    code: Type.String(),
    advice: Type.String({ description: 'What to do about it' }),
    requestId: Type.String(),
    in: Type.Optional(Type.String({ description: 'The part of the request that is not valid' })),
    field: Type.Optional(Type.String({ description: 'JSON pointer to what is not valid' })),
  },
  { description: 'A problem document as in RFC 9457' },
)

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

const settings = {
  suite: Type.Optional(Type.String()),
  codename: Type.Optional(Type.String()),
  origin: Type.Optional(Type.String()),
  label: Type.Optional(Type.String()),
  description: Type.Optional(Type.String()),
  components: Type.Optional(Type.Array(Type.String(), { maxItems: 100 })),
  architectures: Type.Optional(Type.Array(Type.String(), { maxItems: 100 })),
  architectureAll: Type.Optional(
    Type.Union([Type.Literal('merged'), Type.Literal('separate')], {
      description: 'separate: architecture-independent packages are listed in binary-all as well',
    }),
  ),
  versions: Type.Optional(Type.Union([Type.Literal('all'), Type.Literal('newest')])),
  notAutomatic: Type.Optional(Type.Boolean()),
  butAutomaticUpgrades: Type.Optional(Type.Boolean()),
  validUntilDays: Type.Optional(Type.Union([Type.Integer({ minimum: 1 }), Type.Null()])),
  translations: Type.Optional(
    Type.Boolean({ description: 'Long descriptions in Translation-en, and their short lines in Packages' }),
  ),
  debugSuite: Type.Optional(
    Type.Union([Type.String(), Type.Null()], {
      description: 'The suite that takes the debug symbols of what is uploaded or copied to this one; null: none',
    }),
  ),
  frozen: Type.Optional(Type.Boolean({ description: 'Nothing comes in or goes out until it is not frozen any more' })),
  installability: Type.Optional(
    Type.Union([Type.Literal('off'), Type.Literal('flag'), Type.Literal('refuse')], {
      description: 'What happens to a change that makes a package uninstallable, or brings one that is',
    }),
  ),
  installabilityWith: Type.Optional(
    Type.Array(Type.String(), { maxItems: 20, description: 'Suites from which what packages need may come' }),
  ),
  contents: Type.Optional(Type.Boolean({ description: 'It has Contents indexes' })),
  keyrings: Type.Optional(Type.Array(Type.String(), { maxItems: 100 })),
  signedUploads: Type.Optional(Type.Boolean()),
  signatureSuffices: Type.Optional(Type.Boolean()),
  refuseLowerVersions: Type.Optional(Type.Boolean()),
  pdiffs: Type.Optional(Type.Integer({ minimum: 0 })),
}
export const SuiteWish = closed('SuiteWish', {
  name: Name,
  aliases: Type.Optional(Type.Array(Name, { maxItems: 100 })),
  ...settings,
})
export const SuiteSettingsWish = closed('SuiteSettingsWish', settings)
export const SuiteSettings = open('SuiteSettings', settings)
export const Suite = open('Suite', {
  name: Type.String(),
  aliases: Type.Array(Type.String()),
  settings: refTo(SuiteSettings),
  revision: Type.Integer({ description: 'The newest revision that changed it' }),
  sealedAt: Time,
  packages: Type.Integer({ minimum: 0, description: 'Sources and binaries, each version and architecture counted' }),
  sources: Count,
  components: Type.Array(Type.String()),
  architectures: Type.Array(Type.String()),
})
export const SuiteList = open('SuiteList', { suites: Type.Array(refTo(Suite)) })

export const PackageLine = open('PackageLine', {
  name: Type.String(),
  version: Type.String(),
  architecture: Type.String(),
  component: Type.String(),
})
export const SuitePackage = open('SuitePackage', {
  name: Type.String(),
  version: Type.String(),
  architecture: Type.String(),
  component: Type.String(),
  kind: Type.String({ description: '`packages`, `udeb`, `debug` or `sources`' }),
  section: Type.Union([Type.String(), Type.Null()]),
  priority: Type.Union([Type.String(), Type.Null()]),
  source: Type.String(),
  sourceVersion: Type.String(),
  sha256: Type.String(),
  size: Count,
  directory: Type.String({ description: 'Below the address of the repository' }),
})
export const PackagePage = open('PackagePage', {
  packages: Type.Array(refTo(SuitePackage)),
  next: Type.Optional(Type.String({ description: 'Give it as `after` for what follows' })),
})
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
export const Signer = open('Signer', {
  fingerprint: Type.String(),
  userId: Type.Union([Type.String(), Type.Null()], { description: 'What the key calls itself' }),
})
export const HistoryChange = open('HistoryChange', {
  id: Type.Integer(),
  kind: Type.String(),
  user: Type.Union([Type.String(), Type.Null()]),
  batch: Type.Union([Type.Integer(), Type.Null()], { description: 'The change of several steps that it is a part of' }),
  upload: Type.Union([Type.Object({ id: Id, signer: Type.Union([refTo(Signer), Type.Null()]) }), Type.Null()], {
    description: 'The upload that asked for it, if it came with a .changes',
  }),
  addedCount: Count,
  removedCount: Count,
  uninstallable: Type.Integer({ minimum: 0, description: 'How many packages it made uninstallable, as far as told' }),
  takenIndexes: Type.Integer({
    minimum: 0,
    description: 'Of a mirror: how many indexes of upstream beside those of packages came, changed or went',
  }),
})
export const HistoryEntry = open('HistoryEntry', {
  revision: Type.Integer(),
  sealedAt: Time,
  state: Type.String({ enum: ['sealed', 'expired'], description: '`sealed`: it is installable' }),
  addedCount: Count,
  removedCount: Count,
  changes: Type.Array(refTo(HistoryChange)),
  snapshot: Type.Optional(Type.String({ description: 'URL of the archive as it was, until the revision expires' })),
})
export const HistoryPage = open('HistoryPage', {
  history: Type.Array(refTo(HistoryEntry)),
  next: Type.Optional(Type.Integer({ description: 'Give it as `before` for older ones' })),
})
export const ChangedPackage = open('ChangedPackage', {
  name: Type.String(),
  architecture: Type.String(),
  component: Type.String(),
  from: Type.String(),
  to: Type.String(),
})
export const SuiteDifference = open('SuiteDifference', {
  added: Type.Array(refTo(PackageLine)),
  removed: Type.Array(refTo(PackageLine)),
  changed: Type.Array(refTo(ChangedPackage)),
})

export const ScopeWish = closed('ScopeWish', { name: Name })
export const Scope = open('Scope', { name: Type.String() })
export const ScopeList = open('ScopeList', { scopes: Type.Array(refTo(Scope)) })
export const WorkspaceWish = closed('WorkspaceWish', { name: Name, public: Type.Optional(Type.Boolean()) })
export const Workspace = open('Workspace', { scope: Type.String(), name: Type.String(), public: Type.Boolean() })
const orForEver = (least: number, description: string) =>
  Type.Union([Type.Integer({ minimum: least, maximum: 100 * 366 * 86_400 }), Type.Null()], { description })
const workspaceSettings = {
  public: Type.Boolean({ description: 'Whether everybody may read it' }),
  expireAfterSeconds: orForEver(1, 'How long artifacts stay that nothing holds; null: for ever'),
  keepRevisionsSeconds: orForEver(0, 'How long a revision stays after the next one, 3 days at least; null: for ever'),
  keepHistorySeconds: orForEver(0, 'How long it is known what an expired revision held; null: for ever'),
}
export const WorkspaceChange = closed('WorkspaceChange', Type.Partial(Type.Object(workspaceSettings)).properties)
export const WorkspaceSettings = open('WorkspaceSettings', {
  scope: Type.String(),
  name: Type.String(),
  ...workspaceSettings,
})
export const WorkspaceList = open('WorkspaceList', { workspaces: Type.Array(refTo(Workspace)) })
export const TokenWish = closed('TokenWish', { name: Name, user: Type.Optional(Name) })
export const CreatedToken = open('CreatedToken', {
  id: Type.Integer(),
  name: Type.String(),
  token: Type.String({ description: 'Shown once: the server keeps only its digest' }),
})
export const Token = open('Token', {
  id: Type.Integer(),
  name: Type.String(),
  user: Type.String(),
  createdAt: Time,
  expiresAt: Type.Union([Time, Type.Null()]),
  revokedAt: Type.Union([Time, Type.Null()]),
})
export const TokenList = open('TokenList', { tokens: Type.Array(refTo(Token)) })
const Bytes = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })
const StorePriority = Type.Integer({ minimum: 0, maximum: 1_000_000 })
function orNull<T extends TSchema>(schema: T) {
  return Type.Union([schema, Type.Null()])
}
const limits = {
  softMaxBytes: Type.Optional(orNull(Bytes)),
  hardMaxBytes: Type.Optional(orNull(Bytes)),
}
const uploadsDescription = 'Uploads in progress are kept there, where every server reaches them; for one bucket'
export const LocalPlace = closed('LocalPlace', {
  directory: Type.String({ minLength: 1, maxLength: 4096, description: 'An absolute path on the servers' }),
})
export const RemotePlace = closed('RemotePlace', { url: Type.String({ minLength: 1, maxLength: 2048 }) })
const s3 = {
  prefix: Type.String({ maxLength: 512 }),
  endpoint: Type.String({ maxLength: 2048, description: 'For S3 that is not of Amazon' }),
  pathStyle: Type.Boolean({
    description: 'The bucket stands in the path, not in the host; true with an endpoint unless it is said',
  }),
  storageClass: Type.String({ maxLength: 64 }),
  redirect: Type.Boolean({ description: 'Downloads are sent there rather than through this server' }),
  publicEndpoint: Type.String({ maxLength: 2048, description: 'Where clients reach it, if not at the endpoint' }),
  partBytes: Type.Integer({ minimum: 5 * 1024 * 1024, maximum: 1024 * 1024 * 1024 }),
}
const bucket = Type.String({ minLength: 3, maxLength: 255 })
const region = Type.String({
  minLength: 1,
  maxLength: 64,
  description: 'May be left out with an endpoint: `us-east-1`',
})
export const S3Place = closed('S3Place', {
  bucket,
  region: Type.Optional(region),
  prefix: Type.Optional(s3.prefix),
  endpoint: Type.Optional(s3.endpoint),
  pathStyle: Type.Optional(s3.pathStyle),
  storageClass: Type.Optional(s3.storageClass),
  redirect: Type.Optional(s3.redirect),
  publicEndpoint: Type.Optional(s3.publicEndpoint),
  partBytes: Type.Optional(s3.partBytes),
})
export const S3Change = closed('S3Change', {
  bucket: Type.Optional(bucket),
  region: Type.Optional(region),
  prefix: Type.Optional(orNull(s3.prefix)),
  endpoint: Type.Optional(orNull(s3.endpoint)),
  pathStyle: Type.Optional(orNull(s3.pathStyle)),
  storageClass: Type.Optional(orNull(s3.storageClass)),
  redirect: Type.Optional(orNull(s3.redirect)),
  publicEndpoint: Type.Optional(orNull(s3.publicEndpoint)),
  partBytes: Type.Optional(orNull(s3.partBytes)),
})
const Key = Type.String({ minLength: 1, maxLength: 4096, writeOnly: true })
export const S3Secret = closed(
  'S3Secret',
  { accessKeyId: Key, secretAccessKey: Key, sessionToken: Type.Optional(Key) },
  { description: 'Credentials; no answer ever has them. Without them the server uses those of its environment.' },
)
const policy = {
  uploadPriority: orNull(StorePriority),
  downloadPriority: orNull(StorePriority),
  populate: Type.Boolean({ description: 'Keep a copy of everything there' }),
  drain: Type.Boolean({ description: 'Move everything out' }),
  drainTo: orNull(Name),
  readOnly: Type.Boolean(),
  writeOnly: Type.Boolean({ description: 'Never read from it' }),
  softMaxBytes: orNull(Bytes),
}
export const PolicyWish = closed('PolicyWish', {
  uploadPriority: Type.Optional(policy.uploadPriority),
  downloadPriority: Type.Optional(policy.downloadPriority),
  populate: Type.Optional(policy.populate),
  drain: Type.Optional(policy.drain),
  drainTo: Type.Optional(policy.drainTo),
  readOnly: Type.Optional(policy.readOnly),
  writeOnly: Type.Optional(policy.writeOnly),
  softMaxBytes: Type.Optional(policy.softMaxBytes),
})
export const Policy = open('Policy', {
  scope: Type.Union([Type.String(), Type.Null()], { description: 'Null: every scope without a policy of its own' }),
  ...policy,
})
export const StoreWish = closed(
  'StoreWish',
  {
    name: Name,
    local: Type.Optional(refTo(LocalPlace)),
    s3: Type.Optional(refTo(S3Place)),
    remote: Type.Optional(refTo(RemotePlace)),
    secret: Type.Optional(refTo(S3Secret)),
    scope: Type.Optional(Name),
    ...limits,
    holdsUploads: Type.Optional(Type.Boolean({ description: uploadsDescription })),
    policy: Type.Optional(refTo(PolicyWish)),
  },
  { description: 'Exactly one of `local`, `s3` and `remote` says where it is' },
)
export const StoreChange = closed(
  'StoreChange',
  {
    local: Type.Optional(refTo(LocalPlace)),
    s3: Type.Optional(refTo(S3Change)),
    remote: Type.Optional(refTo(RemotePlace)),
    secret: Type.Optional(orNull(refTo(S3Secret))),
    ...limits,
    holdsUploads: Type.Optional(Type.Boolean({ description: uploadsDescription })),
  },
  { description: 'What is not named stays; null takes it away' },
)
const Growth = Type.Object(
  { day: orNull(Type.Integer()), week: orNull(Type.Integer()) },
  { description: 'Bytes more than a day and a week before; null where that is not known' },
)
const sums = { files: Count, bytes: Count, logicalBytes: Count }
export const ScopeFigures = open('ScopeFigures', { scope: Type.String(), ...sums, savedBytes: Count, growth: Growth })
const CopySums = Type.Object({ files: Count, bytes: Count })
const LastWork = Type.Object({
  state: Type.String({ enum: ['running', 'done', 'stopped', 'failed'] }),
  startedAt: Time,
  finishedAt: orNull(Time),
  summary: Type.Unknown(),
})
export const Store = open('Store', {
  name: Type.String(),
  kind: Type.String({ enum: ['local', 's3', 'remote'] }),
  local: Type.Optional(refTo(LocalPlace)),
  s3: Type.Optional(refTo(S3Place)),
  remote: Type.Optional(refTo(RemotePlace)),
  ownCredentials: Type.Boolean({ description: 'Whether it has credentials of its own' }),
  scope: orNull(Type.String()),
  softMaxBytes: orNull(Type.Integer()),
  hardMaxBytes: orNull(Type.Integer()),
  holdsUploads: Type.Boolean(),
  createdAt: Time,
  unreachable: Type.Union([Type.String(), Type.Null()], { description: 'Why the server that answers cannot use it' }),
  policies: Type.Array(refTo(Policy)),
  files: Count,
  bytes: Count,
  figures: Type.Union([Type.Object({ takenAt: Time, ...sums, savedBytes: Count }), Type.Null()], {
    description: 'As they were last taken; `logicalBytes` is what artifacts would take if each kept its own files',
  }),
  growth: Growth,
  damaged: CopySums,
  condemned: CopySums,
  lastVacuum: orNull(LastWork),
  lastScrub: orNull(LastWork),
  scopes: Type.Optional(Type.Array(refTo(ScopeFigures), { description: 'Of one store only' })),
})
export const StoreList = open('StoreList', { stores: Type.Array(refTo(Store)) })

export const VacuumWish = closed('VacuumWish', {
  dryRun: Type.Optional(Type.Boolean({ description: 'Tell the plan and do nothing' })),
})
export const FsckWish = closed('FsckWish', {
  deep: Type.Optional(Type.Boolean({ description: 'Re-read every copy; an interrupted run goes on where it was' })),
  repair: Type.Optional(Type.Boolean({ description: 'Replace bad and missing copies from other ones' })),
  rebuild: Type.Optional(Type.Boolean({ description: 'Repair, then make lost packs of indexes again' })),
  store: Type.Optional(Type.String({ minLength: 1, maxLength: 255, description: 'The only store to look into' })),
  bytesPerSecond: Type.Optional(
    Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description: 'How fast `deep` reads at most' }),
  ),
})
export const Health = open('Health', {
  status: Type.Union([Type.Literal('ok'), Type.Literal('failing')]),
  checks: Type.Record(Type.String(), Type.String(), { description: '`ok`, or what is wrong' }),
})

/** All models, each of which becomes a schema of the OpenAPI document. */
export const models: readonly TSchema[] = [
  Problem,
  FileWish,
  RelationWish,
  ArtifactWish,
  ArtifactWishes,
  ArtifactFile,
  ArtifactRelation,
  Artifact,
  ArtifactList,
  ArtifactPage,
  SuiteWish,
  SuiteSettingsWish,
  SuiteSettings,
  Suite,
  SuiteList,
  PackageLine,
  SuitePackage,
  PackagePage,
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
  Signer,
  HistoryChange,
  HistoryEntry,
  HistoryPage,
  ChangedPackage,
  SuiteDifference,
  ScopeWish,
  Scope,
  ScopeList,
  WorkspaceWish,
  Workspace,
  WorkspaceChange,
  WorkspaceSettings,
  WorkspaceList,
  TokenWish,
  CreatedToken,
  Token,
  TokenList,
  LocalPlace,
  RemotePlace,
  S3Place,
  S3Change,
  S3Secret,
  PolicyWish,
  Policy,
  StoreWish,
  StoreChange,
  ScopeFigures,
  Store,
  StoreList,
  VacuumWish,
  FsckWish,
  Health,
]
