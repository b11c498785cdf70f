/** A file that is sent in parts: each is proven by its MD5 on arrival, and nothing is visible until all are there. */
import { createHash } from 'node:crypto'
import type { CompletedPart, StorageClass } from '@aws-sdk/client-s3'
import { AshlarError } from '../common/errors.ts'
import { type FileSlice, md5Of } from './file-slice.ts'
import type { SpooledFile } from './file-store.ts'
import type { S3Bucket } from './s3-bucket.ts'
import { answerOf, s3Error, senseless } from './s3-errors.ts'

export interface UnfinishedUpload {
  /** Without the prefix. */
  readonly name: string
  readonly uploadId: string
  readonly beganAtMs: number
}

interface Part extends FileSlice {
  /** From 1. */
  readonly number: number
  readonly md5: string
}

/** Amazon S3 user guide, "multipart upload limits". */
const maxParts = 10_000
const partsAtOnce = 3
const pageSize = 1000
const deed = 'writing a file'
const listing = 'listing unfinished uploads'

/**
 * Puts a spooled file under a name at which nothing is. Nothing is visible if it fails; what it leaves then is taken
 * away, now or by a sweep.
 * @returns false if there is something by now: another call's, or our own whose answer was lost.
 * @throws AshlarError
 */
export async function putInParts(
  bucket: S3Bucket,
  name: string,
  spooled: SpooledFile,
  options: {
    readonly partBytes: number
    /** Called immediately before the file becomes visible. */
    readonly beforeVisible: () => Promise<void>
    readonly signal?: AbortSignal | undefined
  },
): Promise<boolean> {
  const { signal } = options
  const uploadId = await begin(bucket, name, signal)
  try {
    const partBytes = Math.max(options.partBytes, Math.ceil(spooled.sizeBytes / maxParts))
    const parts = await sendParts(bucket, { name, uploadId, spooled, partBytes, signal })
    await options.beforeVisible()
    await complete(bucket, { name, uploadId, parts, signal })
    return true
  } catch (error) {
    // Also after an abort: what was begun goes.
    await abortUpload(bucket, { name, uploadId }).catch(() => {})
    if (signal?.aborted !== true && (await bucket.size(name).catch(() => undefined)) !== undefined) return false
    throw error
  }
}

/** All that were begun below a start of names and neither completed nor taken away, a page at a time. */
export async function* unfinishedUploads(
  bucket: S3Bucket,
  start: string,
  signal?: AbortSignal,
): AsyncGenerator<UnfinishedUpload> {
  const { Bucket, Key: Prefix } = bucket.at(start)
  let after: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } = {}
  for (;;) {
    const page = await bucket.ask(listing, signal, (s3, options) =>
      s3.listMultipartUploads({ Bucket, Prefix, MaxUploads: pageSize, ...after }, options),
    )
    if (page.IsTruncated === undefined) throw senseless(bucket.place, listing)
    for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
      if (Key === undefined || UploadId === undefined || Initiated === undefined) continue
      const name = Key.slice(bucket.location.prefix.length)
      yield { name, uploadId: UploadId, beganAtMs: Initiated.getTime() }
    }
    if (!page.IsTruncated) return
    if (page.NextKeyMarker === undefined) throw senseless(bucket.place, listing)
    after = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker }
  }
}

/** Takes away what was sent. Idempotent. */
export async function abortUpload(
  bucket: S3Bucket,
  { name, uploadId }: { readonly name: string; readonly uploadId: string },
): Promise<void> {
  await bucket.ask('taking away an unfinished upload', undefined, async (s3, options) => {
    try {
      await s3.abortMultipartUpload({ ...bucket.at(name), UploadId: uploadId }, options)
    } catch (error) {
      if (answerOf(error)?.code !== 'NoSuchUpload') throw error
    }
  })
}

async function begin(bucket: S3Bucket, name: string, signal?: AbortSignal): Promise<string> {
  const { storageClass } = bucket.location
  const { UploadId } = await bucket.ask(deed, signal, (s3, options) =>
    s3.createMultipartUpload(
      {
        ...bucket.at(name),
        ContentType: 'application/octet-stream',
        ...(storageClass !== undefined && { StorageClass: storageClass as StorageClass }),
      },
      options,
    ),
  )
  if (UploadId === undefined) throw senseless(bucket.place, deed)
  return UploadId
}

interface Sending {
  readonly name: string
  readonly uploadId: string
  readonly spooled: SpooledFile
  readonly partBytes: number
  readonly signal?: AbortSignal | undefined
}

/** When it returns or throws no part is on its way any more: one that arrives after the abort would stay for ever. */
async function sendParts(bucket: S3Bucket, sending: Sending): Promise<CompletedPart[]> {
  const stop = new AbortController()
  const signal = sending.signal === undefined ? stop.signal : AbortSignal.any([sending.signal, stop.signal])
  // All workers take from the same iterator, which reads and hashes one part after another.
  const parts = partsOf(sending, signal)
  const sent: CompletedPart[] = []
  let failure: { readonly error: unknown } | undefined
  const work = async (): Promise<void> => {
    try {
      for await (const part of parts) sent.push(await sendPart(bucket, sending, part, signal))
    } catch (error) {
      failure ??= { error }
      stop.abort()
    }
  }
  await Promise.all(Array.from({ length: partsAtOnce }, work))
  sending.signal?.throwIfAborted()
  if (failure !== undefined) throw failure.error
  return sent.sort((a, b) => (a.PartNumber ?? 0) - (b.PartNumber ?? 0))
}

/** @throws AshlarError storage-failed if the bytes are not those that were spooled */
async function* partsOf({ spooled, partBytes }: Sending, signal: AbortSignal): AsyncGenerator<Part> {
  const whole = createHash('sha256')
  for (let start = 0, number = 1; start < spooled.sizeBytes; start += partBytes, number += 1) {
    const slice = { path: spooled.path, start, end: Math.min(start + partBytes, spooled.sizeBytes) }
    yield { ...slice, number, md5: await md5Of(slice, whole, signal) }
  }
  if (whole.digest('hex') === spooled.sha256) return
  throw new AshlarError('storage-failed', `The spooled file ${spooled.sha256} has other bytes by now.`)
}

async function sendPart(
  bucket: S3Bucket,
  { name, uploadId }: Sending,
  part: Part,
  signal: AbortSignal,
): Promise<CompletedPart> {
  const input = {
    ...bucket.at(name),
    UploadId: uploadId,
    PartNumber: part.number,
    ContentLength: part.end - part.start,
    ContentMD5: part.md5,
  }
  try {
    const { ETag } = await bucket.send(part, signal, (s3, Body, options) => s3.uploadPart({ ...input, Body }, options))
    if (ETag === undefined) throw senseless(bucket.place, deed)
    return { PartNumber: part.number, ETag }
  } catch (error) {
    signal.throwIfAborted()
    throw s3Error(error, bucket.place, deed)
  }
}

async function complete(
  bucket: S3Bucket,
  {
    name,
    uploadId,
    parts,
    signal,
  }: {
    readonly name: string
    readonly uploadId: string
    readonly parts: CompletedPart[]
    readonly signal?: AbortSignal | undefined
  },
): Promise<void> {
  const input = { ...bucket.at(name), UploadId: uploadId, MultipartUpload: { Parts: parts } }
  await bucket.ask(deed, signal, async (s3, options) => {
    try {
      // Servers that do not know this condition here pass over it: the same bytes then replace the same bytes.
      await s3.completeMultipartUpload({ ...input, IfNoneMatch: '*' }, options)
    } catch (error) {
      if (answerOf(error)?.status !== 501) throw error
      await s3.completeMultipartUpload(input, options)
    }
  })
}
