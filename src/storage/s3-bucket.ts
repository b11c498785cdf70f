/**
 * One bucket, as the S3 store and the parts of uploads use it: objects by name below the prefix. Everything that is
 * thrown is an AshlarError (or the reason of an abort) unless it says otherwise.
 */
import { Readable } from 'node:stream'
import type { ListObjectsV2CommandInput, ListObjectsV2CommandOutput, S3, StorageClass } from '@aws-sdk/client-s3'
import { AshlarError } from '../common/errors.ts'
import { type FileSlice, md5Of } from './file-slice.ts'
import type { ByteRange, OpenedFile } from './file-store.ts'
import { wholeBody } from './s3-body.ts'
import {
  defaultS3Limits,
  openS3Clients,
  type RequestOptions,
  type S3Clients,
  type S3Limits,
  sendSlice,
} from './s3-client.ts'
import { answerOf, s3Error, type S3Place, senseless } from './s3-errors.ts'
import type { S3Location, S3Secret } from './s3-location.ts'

export interface S3BucketOptions {
  /** Of the store, for errors. */
  readonly name: string
  readonly location: S3Location
  /** Null: found by the AWS SDK's default chain. */
  readonly secret: S3Secret | null
  readonly limits?: Partial<S3Limits>
}

export interface S3Object {
  /** Without the prefix. */
  readonly name: string
  readonly sizeBytes: number
  readonly modifiedAtMs: number
}

const pageSize = 1000
const listing = 'listing the bucket'
const linkSeconds = 15 * 60

/** @throws AshlarError storage-failed if it cannot be listed, which is the first thing that a wrong key cannot */
export async function openS3Bucket(options: S3BucketOptions): Promise<S3Bucket> {
  const limits = { ...defaultS3Limits, ...options.limits }
  const clients = await openS3Clients(options.location, options.secret, limits)
  const bucket = new S3Bucket(options, limits, clients)
  await bucket.prove()
  return bucket
}

export class S3Bucket {
  readonly place: S3Place
  readonly location: S3Location
  readonly #limits: S3Limits
  readonly #clients: S3Clients

  constructor({ name, location }: S3BucketOptions, limits: S3Limits, clients: S3Clients) {
    this.place = { name, bucket: location.bucket }
    this.location = location
    this.#limits = limits
    this.#clients = clients
  }

  /** The full name of an object, with what every request has. */
  at(name: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.location.bucket, Key: this.location.prefix + name }
  }

  /** Proves that the bucket answers: it can be listed. */
  async prove(signal?: AbortSignal): Promise<void> {
    const { bucket, prefix } = this.location
    await this.#page({ Bucket: bucket, Prefix: prefix, MaxKeys: 1 }, signal)
  }

  /** The size of an object, or undefined if there is none. */
  async size(name: string, signal?: AbortSignal): Promise<number | undefined> {
    const deed = 'looking for a stored file'
    const found = await this.ask(deed, signal, async (s3, options) => {
      try {
        return await s3.headObject(this.at(name), options)
      } catch (error) {
        if (answerOf(error)?.status === 404) return undefined
        throw error
      }
    })
    if (found === undefined) {
      // An answer to HEAD does not say what is missing: the object, the bucket, or the whole server.
      await this.prove(signal)
      return undefined
    }
    return this.#announced(found.ContentLength, deed)
  }

  /** Undefined if there is no such object. @throws AshlarError range-not-satisfiable too */
  async open(name: string, range?: ByteRange, signal?: AbortSignal): Promise<OpenedFile | undefined> {
    if (range === undefined) return await this.#get(name, undefined, signal)
    if (range.start >= 0 && range.start < range.end) return await this.#get(name, range, signal)
    const sizeBytes = await this.size(name, signal)
    if (sizeBytes === undefined) return undefined
    if (range.start !== range.end || range.start < 0 || range.end > sizeBytes) throw outside(range, sizeBytes)
    return { stream: Readable.from([]), sizeBytes }
  }

  /**
   * Puts a slice of a file under a name, in one request; it must have 5 GiB at most.
   * @param condition `absent`: only if nothing is there, as far as the server knows this condition.
   * @throws what the SDK threw; AshlarError if the file cannot be read
   */
  async put(
    name: string,
    slice: FileSlice,
    {
      condition,
      md5,
      signal,
    }: {
      readonly condition: 'absent' | 'none'
      /** In base64. */
      readonly md5?: string
      readonly signal?: AbortSignal | undefined
    },
  ): Promise<void> {
    const { storageClass } = this.location
    const input = {
      ...this.at(name),
      ContentLength: slice.end - slice.start,
      ContentMD5: md5 ?? (await md5Of(slice, undefined, signal)),
      ContentType: 'application/octet-stream',
      ...(condition === 'absent' && { IfNoneMatch: '*' }),
      ...(storageClass !== undefined && { StorageClass: storageClass as StorageClass }),
    }
    const answer = await this.send(slice, signal, (s3, Body, options) => s3.putObject({ ...input, Body }, options))
    if (answer.ETag === undefined) throw senseless(this.place, 'writing a file')
  }

  /** Idempotent. */
  async delete(name: string): Promise<void> {
    await this.ask('deleting a stored file', undefined, async (s3, options) => {
      try {
        await s3.deleteObject(this.at(name), options)
      } catch (error) {
        if (answerOf(error)?.code !== 'NoSuchKey') throw error
      }
    })
  }

  /** Every object whose name begins so, in the order of the names' bytes, a page at a time. */
  async *list(start: string, signal?: AbortSignal): AsyncGenerator<S3Object> {
    const { Bucket, Key: Prefix } = this.at(start)
    let token: string | undefined
    do {
      // Without the encoding a name with a control character would make the answer unreadable.
      const query = { Bucket, Prefix, MaxKeys: pageSize, EncodingType: 'url', ContinuationToken: token } as const
      const page = await this.#page(query, signal)
      for (const { Key, Size, LastModified } of page.Contents ?? []) {
        signal?.throwIfAborted()
        const name = decodeName(Key ?? '', page.EncodingType === 'url')?.slice(this.location.prefix.length)
        if (name === undefined) continue
        yield { name, sizeBytes: this.#announced(Size, listing), modifiedAtMs: LastModified?.getTime() ?? 0 }
      }
      token = page.NextContinuationToken
      if (page.IsTruncated === true && token === undefined) throw senseless(this.place, listing)
    } while (token !== undefined)
  }

  /** An address at which anybody can read the object for a quarter of an hour. */
  async link(name: string): Promise<string> {
    return await this.ask('signing a link', undefined, () => this.#clients.presign(this.at(name), linkSeconds))
  }

  /** Does one request; what is thrown becomes an AshlarError about `deed`, or the reason of the abort. */
  async ask<Output>(
    deed: string,
    signal: AbortSignal | undefined,
    request: (s3: S3, options: RequestOptions) => Promise<Output>,
  ): Promise<Output> {
    signal?.throwIfAborted()
    try {
      return await request(this.#clients.requests, signal === undefined ? {} : { abortSignal: signal })
    } catch (error) {
      signal?.throwIfAborted()
      throw s3Error(error, this.place, deed)
    }
  }

  /** Does one request with a slice of a file as its body. @throws what the SDK threw; AshlarError if reading fails */
  async send<Output>(
    slice: FileSlice,
    signal: AbortSignal | undefined,
    request: (s3: S3, body: Readable, options: RequestOptions) => Promise<Output>,
  ): Promise<Output> {
    const { attempts } = this.#limits
    return await sendSlice(slice, { attempts, signal }, (body, options) =>
      request(this.#clients.requests, body, options),
    )
  }

  async #page(query: ListObjectsV2CommandInput, signal?: AbortSignal): Promise<ListObjectsV2CommandOutput> {
    const page = await this.ask(listing, signal, (s3, options) => s3.listObjectsV2(query, options))
    // The SDK takes what is no list at all for an empty one.
    if (page.IsTruncated === undefined) throw senseless(this.place, listing)
    return page
  }

  async #get(name: string, range: ByteRange | undefined, signal?: AbortSignal): Promise<OpenedFile | undefined> {
    const deed = 'reading a stored file'
    const { silenceMs } = this.#limits
    const answer = await this.ask(deed, signal, async (_, options) => {
      try {
        const wanted = range === undefined ? {} : { Range: `bytes=${range.start}-${range.end - 1}` }
        return await this.#clients.downloads.getObject({ ...this.at(name), ...wanted }, options)
      } catch (error) {
        const given = answerOf(error)
        if (given?.code === 'NoSuchKey') return undefined
        if (given?.status === 416 && range !== undefined) throw outside(range)
        throw error
      }
    })
    if (answer === undefined) return undefined
    const body = answer.Body
    if (!(body instanceof Readable)) throw senseless(this.place, deed)
    try {
      const sizeBytes =
        range === undefined || answer.ContentRange === undefined
          ? this.#announced(answer.ContentLength, deed)
          : this.#sizeOf(answer.ContentRange, range, deed)
      const { start, end } = range ?? { start: 0, end: sizeBytes }
      if (end > sizeBytes) throw outside({ start, end }, sizeBytes)
      // A server that knows no ranges sends everything.
      if (answer.ContentRange === undefined && (start > 0 || end < sizeBytes)) throw senseless(this.place, deed)
      return { stream: wholeBody(body, { bytes: end - start, place: this.place, silenceMs, signal }), sizeBytes }
    } catch (error) {
      body.destroy()
      throw error
    }
  }

  /** @param text RFC 9110 section 14.4. */
  #sizeOf(text: string, { start, end }: ByteRange, deed: string): number {
    const [, first, last, size] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(text) ?? []
    const sizeBytes = this.#announced(size === undefined ? undefined : Number(size), deed)
    // A range that ends behind the file is answered with what there is of it.
    if (Number(first) !== start || Number(last) !== Math.min(end, sizeBytes) - 1) throw senseless(this.place, deed)
    return sizeBytes
  }

  #announced(size: number | undefined, deed: string): number {
    if (size === undefined || !Number.isSafeInteger(size) || size < 0) throw senseless(this.place, deed)
    return size
  }
}

function outside({ start, end }: ByteRange, sizeBytes?: number): AshlarError {
  const file = sizeBytes === undefined ? 'a shorter file' : `a file of ${sizeBytes}`
  return new AshlarError('range-not-satisfiable', `Bytes ${start} to ${end} of ${file}.`)
}

/** Undefined of a name that is no text, which is none of ours. */
function decodeName(name: string, isEncoded: boolean): string | undefined {
  if (!isEncoded) return name
  try {
    return decodeURIComponent(name.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}
