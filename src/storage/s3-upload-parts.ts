/** The parts of uploads as objects of a bucket: `<prefix>uploads/<id>/<start>`, the start in 16 digits. */
import { Readable } from 'node:stream'
import pLimit from 'p-limit'
import { AshlarError } from '../common/errors.ts'
import { readChunkBytes } from './digest-stream.ts'
import type { FileSlice } from './file-slice.ts'
import type { S3Bucket } from './s3-bucket.ts'
import { s3Error } from './s3-errors.ts'
import type { KeptUpload, UploadPart, UploadParts } from './upload-parts.ts'

const folder = 'uploads/'
/** Enough for every safe integer, so that the order of the names is that of the bytes. */
const startDigits = 16
const deletionsAtOnce = 8
const idPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Beside the store in the same bucket, over the same connections. */
export function s3UploadParts(bucket: S3Bucket): UploadParts {
  return {
    async put(id: string, start: number, slice: FileSlice, signal?: AbortSignal): Promise<void> {
      try {
        await bucket.put(nameOf(id, start), slice, { condition: 'none', signal })
      } catch (error) {
        signal?.throwIfAborted()
        throw s3Error(error, bucket.place, 'keeping a part of an upload')
      }
    },

    read(id: string, parts: readonly UploadPart[], signal?: AbortSignal): Readable {
      const bytes = bytesOf(bucket, id, parts, signal)
      return Readable.from(bytes, { objectMode: false, highWaterMark: readChunkBytes })
    },

    async remove(id: string, signal?: AbortSignal): Promise<void> {
      const limit = pLimit(deletionsAtOnce)
      for await (const names of pages(bucket.list(`${folder}${checked(id)}/`, signal))) {
        await Promise.all(names.map((name) => limit(() => bucket.delete(name))))
      }
    },

    list: (signal?: AbortSignal): AsyncIterable<KeptUpload> => keptUploads(bucket, signal),
  }
}

async function* bytesOf(
  bucket: S3Bucket,
  id: string,
  parts: readonly UploadPart[],
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for (const { start, sizeBytes } of parts) {
    const opened = await bucket.open(nameOf(id, start), undefined, signal)
    if (opened?.sizeBytes !== sizeBytes) {
      opened?.stream.destroy()
      const has = opened === undefined ? 'is missing' : `has ${opened.sizeBytes} bytes instead of ${sizeBytes}`
      const part = `The part of the upload ${id} from byte ${start} on`
      throw new AshlarError('file-corrupt', `${part} ${has} in the store ${bucket.place.name}.`)
    }
    for await (const chunk of opened.stream as AsyncIterable<Uint8Array>) {
      signal?.throwIfAborted()
      yield chunk
    }
  }
}

async function* keptUploads(bucket: S3Bucket, signal?: AbortSignal): AsyncGenerator<KeptUpload> {
  let upload: KeptUpload | undefined
  for await (const { name, sizeBytes, modifiedAtMs } of bucket.list(folder, signal)) {
    const [id = '', start = '', ...rest] = name.slice(folder.length).split('/')
    if (!idPattern.test(id) || !/^\d{16}$/.test(start) || rest.length > 0) continue
    if (upload !== undefined && upload.id !== id) yield upload
    const before = upload?.id === id ? upload : { modifiedAtMs: 0, sizeBytes: 0 }
    upload = {
      id,
      modifiedAtMs: Math.max(before.modifiedAtMs, modifiedAtMs),
      sizeBytes: before.sizeBytes + sizeBytes,
    }
  }
  if (upload !== undefined) yield upload
}

async function* pages(objects: AsyncIterable<{ readonly name: string }>): AsyncGenerator<string[]> {
  let names: string[] = []
  for await (const { name } of objects) {
    names.push(name)
    if (names.length < 100) continue
    yield names
    names = []
  }
  if (names.length > 0) yield names
}

function nameOf(id: string, start: number): string {
  return `${folder}${checked(id)}/${String(start).padStart(startDigits, '0')}`
}

/** An id that is none would name other objects. */
function checked(id: string): string {
  if (!idPattern.test(id)) throw new Error(`'${id}' is no id of an upload.`)
  return id
}
