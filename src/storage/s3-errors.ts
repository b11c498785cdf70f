/** What the answers of an S3 server, and no answer at all, mean to a user of a store. */
import { AshlarError, type ErrorCode } from '../common/errors.ts'

/** Codes of no room: Amazon has none; Ceph and Swift, RFC 4918, MinIO. */
const noRoom = new Set(['QuotaExceeded', 'InsufficientStorage', 'XMinioStorageFull', 'XMinioAdminBucketQuotaExceeded'])

/** What servers that say only the code leave to guess. */
const meanings: Readonly<Record<string, string>> = {
  AccessDenied: 'the access key may not do that',
  AuthorizationHeaderMalformed: 'the region is probably another',
  BadDigest: 'what arrived there is not what the spooled file should hold',
  InvalidAccessKeyId: 'the access key is not known there',
  PermanentRedirect: 'the bucket is probably in another region',
  RequestTimeTooSkewed: 'the clocks of both servers differ',
  SignatureDoesNotMatch: 'the secret does not fit the access key',
}

export interface S3Place {
  /** Of the store. */
  readonly name: string
  readonly bucket: string
}

/** The code and status of an answer, or undefined if `error` is no answer of a server. */
export function answerOf(error: unknown): { readonly code: string; readonly status: number } | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined
  const { $metadata } = error
  if (typeof $metadata !== 'object' || $metadata === null || !('httpStatusCode' in $metadata)) return undefined
  const { httpStatusCode } = $metadata
  return typeof httpStatusCode === 'number' ? { code: error.name, status: httpStatusCode } : undefined
}

/** Whether the same request may succeed, or may have succeeded: no answer came, or one that says so. */
export function isPassing(error: unknown): boolean {
  if (error instanceof AshlarError) return false
  const answer = answerOf(error)
  if (answer === undefined) return true
  if (answer.code === 'ConditionalRequestConflict' || answer.code === 'RequestTimeout') return true
  // The status of success with an error: the answer could not be read.
  return answer.status < 300 || [429, 500, 502, 503, 504].includes(answer.status)
}

/**
 * The error to throw for what the SDK threw: storage-full or storage-failed, in a sentence without secrets. An
 * AshlarError stays what it is.
 * @param deed what was being done, as in "the server refused `deed`".
 */
export function s3Error(error: unknown, { name, bucket }: S3Place, deed: string): AshlarError {
  if (error instanceof AshlarError) return error
  const answer = answerOf(error)
  const text = spoken(error)
  const say = (code: ErrorCode, sentence: string): AshlarError => new AshlarError(code, sentence, { cause: error })
  if (answer === undefined) return say('storage-failed', `The store ${name} did not answer ${deed}${inBrackets(text)}.`)
  if (answer.status < 300) return senseless({ name, bucket }, deed, error)
  const said = `${answer.status} ${answer.code}`
  if (noRoom.has(answer.code) || answer.status === 507) {
    return say('storage-full', `There is no room in the store ${name} for ${deed} (${said}).`)
  }
  if (answer.code === 'NoSuchBucket') {
    return say('storage-failed', `The bucket ${bucket} of the store ${name} does not exist.`)
  }
  const meaning = meanings[answer.code] ?? (text === answer.code || text === '' ? undefined : text)
  return say(
    'storage-failed',
    `The store ${name} refused ${deed}${inBrackets([said, meaning].filter(Boolean).join(': '))}.`,
  )
}

/** For an answer without what it must have: something else than S3 has answered. */
export function senseless({ name }: S3Place, deed: string, cause?: unknown): AshlarError {
  return new AshlarError('storage-failed', `What the store ${name} answered to ${deed} makes no sense.`, { cause })
}

function inBrackets(text: string): string {
  return text === '' ? '' : ` (${text.replace(/\.$/, '')})`
}

/** The first words of the message; an address may be signed, so its query goes. */
function spoken(error: unknown): string {
  if (!(error instanceof Error)) return ''
  // Of a host with several addresses Node joins the errors, and says nothing itself.
  const inner = error instanceof AggregateError ? error.errors.find((each) => each instanceof Error) : undefined
  const message = error.message === '' && inner instanceof Error ? inner.message : error.message
  return message
    .replaceAll(/(https?:\/\/[^\s?]*)\?\S*/g, '$1')
    .replaceAll(/\s+/g, ' ')
    .trim()
    .slice(0, 200)
}
