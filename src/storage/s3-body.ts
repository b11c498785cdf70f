/** The bytes of an answer, whole or with an error. */
import { Readable } from 'node:stream'
import { readChunkBytes } from './digest-stream.ts'
import { AshlarError } from '../common/errors.ts'
import { s3Error, type S3Place } from './s3-errors.ts'
import { watchSilence } from './guarded-sockets.ts'

export interface Expected {
  readonly bytes: number
  readonly place: S3Place
  readonly silenceMs: number
  readonly signal?: AbortSignal | undefined
}

/**
 * The same bytes. A connection that is lost, an answer that ends early or is too long, and a server that falls silent
 * are a storage-failed on the stream; a reader who rests is not.
 */
export function wholeBody(body: Readable, expected: Expected): Readable {
  const stream = Readable.from(counted(body, expected), {
    objectMode: false,
    highWaterMark: readChunkBytes,
  })
  // A stream that nobody has begun to read does not begin its source either, which would keep its socket.
  stream.once('close', () => body.destroy())
  // Told by the reading; before it begins, nobody listens.
  body.on('error', () => {})
  return stream
}

async function* counted(body: Readable, { bytes, place, silenceMs, signal }: Expected): AsyncGenerator<Uint8Array> {
  let receivedBytes = 0
  try {
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      receivedBytes += chunk.length
      if (receivedBytes > bytes) break
      watchSilence(body, 0)
      yield chunk
      watchSilence(body, silenceMs)
    }
  } catch (error) {
    signal?.throwIfAborted()
    throw s3Error(error, place, 'reading a stored file')
  }
  if (receivedBytes === bytes) return
  throw new AshlarError(
    'storage-failed',
    `The store ${place.name} sent ${receivedBytes} bytes where ${bytes} were announced.`,
  )
}
