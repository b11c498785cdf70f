import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { AshlarError } from '../common/errors.ts'
import { backOff, isConnectionFailure, mayPass } from './retry.ts'
import type { Answer, Transport } from './transport.ts'

export interface FileUpload {
  /** `/api/v1/…/artifacts/{id}/files/{path}`. */
  readonly address: string
  /** The local file, which must not change meanwhile: the server compares it with what was announced. */
  readonly file: string
  readonly sizeBytes: number
  readonly signal?: AbortSignal | undefined
  /** Told how many more bytes are on their way; less than zero when some must be sent again. */
  readonly onBytes?: ((count: number) => void) | undefined
}

const CHUNK_BYTES = 256 * 1024
/** From this size on it is worth a round trip to know that the server wants the bytes, and from there. */
const ASKS_FROM_BYTES = 1024 * 1024

/**
 * Sends one file of an artifact. An interrupted upload asks where it stands (HEAD, Upload-Offset) and continues there
 * (Content-Range, RFC 9110 section 14.5); only tries that bring nothing further are counted.
 *
 * @throws AshlarError what the server refuses with; server-unreachable; file-unreadable if the file became shorter
 */
export async function uploadFile(transport: Transport, upload: FileUpload): Promise<void> {
  let offset = 0
  for (let attempt = 1; ; attempt += 1) {
    let before = offset
    try {
      const answer = await sendFrom(transport, upload, offset)
      answer.body.resume()
      if (answer.status !== 202) return
      offset = offsetOf(answer) ?? 0
      if (offset > before) attempt = 0
      continue
    } catch (error) {
      if (upload.signal?.aborted === true || !maySucceedLater(error)) throw error
      if (attempt >= transport.retries.attempts) throw error
    }
    await backOff(transport.retries, attempt, undefined, upload.signal)
    before = offset
    const stored = await storedOffset(transport, upload)
    if (stored === 'complete') return
    offset = stored
    if (offset > before) attempt = 0
  }
}

async function sendFrom(transport: Transport, upload: FileUpload, start: number): Promise<Answer> {
  const rest = upload.sizeBytes - start
  // `end` is inclusive and cannot say "nothing": an empty file is an empty stream.
  const stream = createReadStream(upload.file, {
    start,
    end: Math.max(start, upload.sizeBytes - 1),
    highWaterMark: CHUNK_BYTES,
  })
  let sent = 0
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      sent += chunk.length
      upload.onBytes?.(chunk.length)
      yield chunk
    }
    // Else the server would wait for the rest until one of the two gives up.
    if (sent < rest) throw new AshlarError('file-unreadable', `${upload.file} became shorter while it was sent.`)
  }
  await once(stream, 'open')
  try {
    return await transport.send({
      method: 'PUT',
      path: upload.address,
      headers: start === 0 ? {} : { 'content-range': `bytes ${start}-${upload.sizeBytes - 1}/${upload.sizeBytes}` },
      bytes: {
        stream: Readable.from(counted(), { objectMode: false }),
        sizeBytes: rest,
        asksFirst: start > 0 || rest > ASKS_FROM_BYTES,
      },
      repeatable: false,
      signal: upload.signal,
    })
  } catch (error) {
    upload.onBytes?.(-sent)
    throw error
  } finally {
    stream.destroy()
  }
}

async function storedOffset(transport: Transport, upload: FileUpload): Promise<number | 'complete'> {
  const answer = await transport.send({
    method: 'HEAD',
    path: upload.address,
    repeatable: true,
    signal: upload.signal,
  })
  answer.body.resume()
  return offsetOf(answer) ?? 'complete'
}

function offsetOf(answer: Answer): number | undefined {
  const value = answer.headers['upload-offset']
  return typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : undefined
}

function maySucceedLater(error: unknown): boolean {
  if (!(error instanceof AshlarError)) return isConnectionFailure(error)
  if (error.code === 'upload-offset' || isConnectionFailure(error.cause)) return true
  const status = error.extra['status']
  return typeof status === 'number' && mayPass(status)
}
