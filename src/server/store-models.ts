/** The models of file stores and their policies. */
import { type TSchema, Type } from 'typebox'
import { Count, Name, Time, closed, open, refTo } from './model-parts.ts'

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

export const storeModels: readonly TSchema[] = [
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
]
