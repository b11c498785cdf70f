/**
 * A file store in a bucket of Amazon S3 or of another server that speaks S3: `<prefix><first two digits>/<digest>`,
 * with `.<generation>` after it from the first on. An object is visible whole or not at all, and S3 answers when it is
 * durable.
 *
 * The bucket must list its objects in the order of their names (all but Amazon's directory buckets do), must not keep
 * versions of what is deleted if deleted is to mean gone, and should let unfinished uploads expire.
 */
import { createHash } from 'node:crypto'
import { AshlarError } from '../common/errors.ts'
import { noFaults, type Faults } from '../common/faults.ts'
import type { ByteRange, FileKey, FileStore, OpenedFile, SpooledFile, StoredEntry } from './file-store.ts'
import { openS3Bucket, type S3Bucket, type S3BucketOptions } from './s3-bucket.ts'
import { answerOf, isPassing, s3Error } from './s3-errors.ts'
import { defaultPartBytes } from './s3-location.ts'
import { abortUpload, putInParts, unfinishedUploads } from './s3-multipart.ts'
import { storageError } from './storage-error.ts'
import { nameOf, parseName, shardOf } from './stored-name.ts'

export interface S3StoreOptions extends S3BucketOptions {
  readonly faults?: Faults
}

const deed = 'writing a file'

/** @throws AshlarError storage-failed if the bucket cannot be reached */
export async function openS3Store(options: S3StoreOptions): Promise<FileStore> {
  return s3Store(await openS3Bucket(options), options)
}

export interface S3StoreParts {
  readonly faults?: Faults
  /** Looks whether the place in the bucket is still this store's; without it any is. */
  readonly check?: () => Promise<void>
}

/** The store in a bucket that is open. */
export function s3Store(bucket: S3Bucket, parts: S3StoreParts = {}): FileStore {
  return new S3Store(bucket, parts)
}

class S3Store implements FileStore {
  readonly name: string
  readonly #bucket: S3Bucket
  readonly #faults: Faults
  readonly #check: () => Promise<void>
  /** Whether the server may know puts that never overwrite. */
  #hasConditions = true

  constructor(bucket: S3Bucket, { faults = noFaults, check }: S3StoreParts) {
    this.name = bucket.place.name
    this.#bucket = bucket
    this.#faults = faults
    // Asking for an object that is not there looks whether the bucket is.
    this.#check = check ?? (async () => void (await bucket.size('ashlar-store')))
  }

  async check(): Promise<void> {
    await this.#check()
  }

  async put(key: FileKey, spooled: SpooledFile, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    try {
      const partBytes = this.#bucket.location.partBytes ?? defaultPartBytes
      const isNew =
        spooled.sizeBytes > partBytes
          ? await this.#putInParts(key, spooled, partBytes, signal)
          : await this.#putWhole(key, spooled, signal)
      if (!isNew) await this.#compare(key, spooled, signal)
    } catch (error) {
      throw storageError(error, `writing a file to the store ${this.name}`)
    }
  }

  async open(key: FileKey, range?: ByteRange): Promise<OpenedFile> {
    const opened = await this.#bucket.open(objectOf(key), range)
    if (opened !== undefined) return opened
    throw new AshlarError('file-corrupt', `File ${key.sha256} is missing in the store ${this.name}.`)
  }

  async link(key: FileKey): Promise<string | undefined> {
    return this.#bucket.location.redirect ? await this.#bucket.link(objectOf(key)) : undefined
  }

  async has(key: FileKey): Promise<number | undefined> {
    return await this.#bucket.size(objectOf(key))
  }

  async delete(key: FileKey): Promise<void> {
    await this.#bucket.delete(objectOf(key))
  }

  async *list(signal?: AbortSignal): AsyncGenerator<StoredEntry> {
    signal?.throwIfAborted()
    for await (const { name, sizeBytes, modifiedAtMs } of this.#bucket.list('', signal)) {
      // No shard is behind `ff`; what else the bucket holds may be much.
      if (name > 'fg') return
      const key = keyOf(name)
      if (key !== undefined) yield { key, sizeBytes, modifiedAt: modifiedAtMs * 1000 }
    }
  }

  async sweepUnfinished(olderThanMs: number, signal?: AbortSignal): Promise<number> {
    const before = Date.now() - olderThanMs
    let removed = 0
    for await (const upload of unfinishedUploads(this.#bucket, '', signal)) {
      // The bucket may be shared with others, whose uploads are not ours to end.
      if (keyOf(upload.name) === undefined || upload.beganAtMs >= before) continue
      await abortUpload(this.#bucket, upload)
      removed += 1
    }
    return removed
  }

  localPath(): undefined {}

  /** @returns false if something is there. */
  async #putWhole(key: FileKey, spooled: SpooledFile, signal?: AbortSignal): Promise<boolean> {
    const name = objectOf(key)
    const slice = { path: spooled.path, start: 0, end: spooled.sizeBytes }
    const md5 = Buffer.from(spooled.md5, 'hex').toString('base64')
    const condition = this.#hasConditions ? 'absent' : 'none'
    if (condition === 'none' && (await this.#bucket.size(name, signal)) !== undefined) return false
    await this.#faults.reach('store.move')
    try {
      await this.#bucket.put(name, slice, { condition, md5, signal })
      return true
    } catch (error) {
      signal?.throwIfAborted()
      const answer = answerOf(error)
      if (answer?.status === 412) return false
      if (answer?.status === 501 && condition === 'absent') {
        this.#hasConditions = false
        return await this.#putWhole(key, spooled, signal)
      }
      const failure = s3Error(error, this.#bucket.place, deed)
      // It may be there although no answer came, or one that tells nothing.
      if (isPassing(error) && (await this.#bucket.size(name, signal).catch(() => undefined)) !== undefined) return false
      throw failure
    }
  }

  /** @returns false if something is there. */
  async #putInParts(
    key: FileKey,
    spooled: SpooledFile,
    partBytes: number,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const name = objectOf(key)
    if ((await this.#bucket.size(name, signal)) !== undefined) return false
    const beforeVisible = (): Promise<void> => this.#faults.reach('store.move')
    if (!(await putInParts(this.#bucket, name, spooled, { partBytes, beforeVisible, signal }))) return false
    // Each part was proven on arrival; this proves what the server made of them.
    const sizeBytes = await this.#bucket.size(name, signal)
    if (sizeBytes !== spooled.sizeBytes) throw this.#differs(key, `${sizeBytes ?? 'no'} bytes`)
    return true
  }

  async #compare(key: FileKey, spooled: SpooledFile, signal?: AbortSignal): Promise<void> {
    const opened = await this.#bucket.open(objectOf(key), undefined, signal)
    if (opened === undefined) {
      throw new AshlarError(
        'storage-failed',
        `File ${key.sha256} was deleted while it was put in the store ${this.name}.`,
      )
    }
    const hash = createHash('sha256')
    for await (const chunk of opened.stream as AsyncIterable<Uint8Array>) {
      signal?.throwIfAborted()
      hash.update(chunk)
    }
    const digest = hash.digest('hex')
    if (opened.sizeBytes === spooled.sizeBytes && digest === spooled.sha256) return
    throw this.#differs(key, `${opened.sizeBytes} bytes with the digest ${digest}`)
  }

  #differs(key: FileKey, what: string): AshlarError {
    return new AshlarError('file-corrupt', `File ${key.sha256} has ${what} in the store ${this.name}.`)
  }
}

function objectOf(key: FileKey): string {
  return `${shardOf(key)}/${nameOf(key)}`
}

/** Undefined of a foreign object. */
function keyOf(object: string): FileKey | undefined {
  const [shard, name, ...rest] = object.split('/')
  const key = name === undefined || rest.length > 0 ? undefined : parseName(name)
  return key !== undefined && shard === shardOf(key) ? key : undefined
}
