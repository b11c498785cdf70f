/** The models of uploads and keyrings. */
import { type TProperties, Type } from 'typebox'
import { Id, refTo, Time } from './model-parts.ts'
import { Signer } from './suite-models.ts'

function open<T extends TProperties>(name: string, members: T) {
  return Type.Object(members, { $id: name })
}

function orNull<T extends ReturnType<typeof Type.String> | ReturnType<typeof Type.Integer>>(type: T) {
  return Type.Union([type, Type.Null()])
}

export const Finding = open('Finding', {
  subject: Type.String({ description: 'A file, or `signature`, `distribution`, `text`' }),
  good: Type.Boolean(),
  text: Type.String(),
})
export const Upload = open('Upload', {
  id: Id,
  suite: Type.String(),
  name: Type.String({ description: 'The name of the .changes' }),
  source: orNull(Type.String()),
  version: orNull(Type.String()),
  state: Type.String({ enum: ['accepting', 'accepted', 'refused'] }),
  signer: Type.Union([refTo(Signer), Type.Null()], { description: 'The trusted key that signed it' }),
  user: Type.Union([Type.String(), Type.Null()], { description: 'Whose token it came with' }),
  findings: Type.Array(refTo(Finding)),
  revision: Type.Union([Type.Integer(), Type.Null()], { description: 'The revision that holds it' }),
  artifact: Type.Union([Type.Integer(), Type.Null()], {
    description: 'The debian:upload; of a refused one the .changes alone, for a week',
  }),
  receivedAt: Time,
  decidedAt: orNull(Time),
  page: Type.String({ description: 'URL of the verdict for people' }),
})
export const UploadPage = open('UploadPage', {
  uploads: Type.Array(refTo(Upload)),
  next: Type.Optional(Type.Integer({ description: 'Give it as `before` for older ones' })),
})
export const UploadWish = Type.Object(
  { artifact: Type.Integer({ minimum: 1, description: 'A complete debian:upload' }) },
  { $id: 'UploadWish', additionalProperties: false },
)
export const WaitingFile = open('WaitingFile', {
  suite: Type.String(),
  name: Type.String(),
  size: Type.Integer({ minimum: 0 }),
  sha256: Type.String(),
  user: orNull(Type.String()),
  receivedAt: Time,
  expiresAt: Time,
})
export const WaitingList = open('WaitingList', { files: Type.Array(refTo(WaitingFile)) })

export const TrustedKey = open('TrustedKey', {
  fingerprint: Type.String(),
  userIds: Type.Array(Type.String()),
  algorithm: Type.String(),
  expiresAt: orNull(Time),
  revoked: Type.Boolean(),
  addedAt: Time,
  addedBy: orNull(Type.String()),
})
export const Keyring = open('Keyring', { name: Type.String(), keys: Type.Array(refTo(TrustedKey)) })
export const KeyringList = open('KeyringList', { keyrings: Type.Array(refTo(Keyring)) })
export const KeysWish = Type.Object(
  { keys: Type.String({ minLength: 1, description: 'Public keys as `gpg --armor --export` writes them' }) },
  { $id: 'KeysWish', additionalProperties: false },
)

export const uploadModels = [
  Finding,
  Upload,
  UploadPage,
  UploadWish,
  WaitingFile,
  WaitingList,
  TrustedKey,
  Keyring,
  KeyringList,
  KeysWish,
]
