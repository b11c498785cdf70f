/** Sends bytes that have a digest: whole, in part, or not at all if the client has them. */
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { AshlarError } from '../common/errors.ts'
import { type ByteRange, type LastModified, httpDate, select } from './byte-range.ts'

/** Something with an address, as it is now. */
export interface Resource {
  readonly contentType: string
  /** A strong entity tag, quotes included. */
  readonly etag: string
  readonly sizeBytes: number
  /** `immutable`: these bytes are all that this address will ever have. `revalidate`: ask each time. */
  readonly cache: 'immutable' | 'revalidate'
  /** Whether only some may see it, so that no shared cache keeps it. */
  readonly isPrivate: boolean
  readonly lastModified?: LastModified | undefined
  readonly headers?: Readonly<Record<string, string>>
  /** Where the client can get the bytes by itself for a short time, if there is such an address. Asked as `open` is. */
  readonly link?: () => Promise<string | undefined>
  /** Asks whether the bytes are still there, where they are not opened. @throws AshlarError gone */
  readonly confirm?: () => Promise<void>
  /** The bytes, or those of a range. Called at most once, and not for HEAD or when nothing is sent. */
  readonly open: (range?: ByteRange) => Promise<Opened> | Opened
}

export type Opened =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'stream'; readonly stream: Readable | AsyncIterable<Uint8Array> }

/**
 * Answers a GET or HEAD. Resolves when the answer is sent, or when the client has gone, which is no error.
 *
 * @throws AshlarError `range-not-satisfiable`, `precondition-failed`, and what opening throws, before anything is sent
 */
export async function sendResource(request: FastifyRequest, reply: FastifyReply, resource: Resource): Promise<void> {
  const selection = select(request.method, request.headers, resource)
  const sendsBytes = request.method !== 'HEAD' && (selection.status === 200 || selection.status === 206)
  if (!sendsBytes) await resource.confirm?.()
  if (selection.status === 416) {
    void reply.header('content-range', `bytes */${resource.sizeBytes}`)
    throw new AshlarError(
      'range-not-satisfiable',
      `The range "${request.headers.range}" is not within its ${resource.sizeBytes} bytes.`,
    )
  }
  if (selection.status === 412) throw new AshlarError('precondition-failed', `Its entity tag is ${resource.etag}.`)
  const headers = headersOf(resource)
  if (selection.status === 304) return finish(reply, 304, headers)
  const range = selection.status === 206 ? selection.range : undefined
  headers['Content-Type'] = resource.contentType
  headers['Content-Length'] = range === undefined ? resource.sizeBytes : range.end - range.start
  if (range !== undefined) headers['Content-Range'] = `bytes ${range.start}-${range.end - 1}/${resource.sizeBytes}`
  if (request.method === 'HEAD') return finish(reply, selection.status, headers)
  const link = await resource.link?.()
  if (link !== undefined) return redirect(reply, link, 'no-store')
  const opened = await resource.open(range)
  if (opened.kind === 'bytes') return finish(reply, selection.status, headers, opened.bytes)
  await sendStream(request, reply, { status: selection.status, headers, stream: opened.stream })
}

/** Sends the client elsewhere. apt follows absolute paths and whole URLs only. */
export function redirect(reply: FastifyReply, location: string, cacheControl: string): void {
  finish(reply, 302, { Location: location, 'Cache-Control': cacheControl, 'Content-Length': 0 })
}

interface StreamAnswer {
  readonly status: number
  readonly headers: Headers
  readonly stream: Readable | AsyncIterable<Uint8Array>
}

/** Sends a stream with back-pressure. A stream that fails midway cuts the connection, so that no client takes it for whole. */
export async function sendStream(request: FastifyRequest, reply: FastifyReply, answer: StreamAnswer): Promise<void> {
  const { raw } = reply.hijack()
  const { stream } = answer
  // The client may have gone while the stream was opened; pipeline would throw synchronously then.
  if (raw.destroyed) return discard(stream)
  raw.writeHead(answer.status, answer.headers)
  try {
    await pipeline(stream, raw)
  } catch (error) {
    if (!isClientGone(error)) request.log.error({ err: error, requestId: request.id }, 'An answer broke off.')
    raw.destroy()
  }
}

type Headers = Record<string, string | number>

function headersOf({ etag, cache, isPrivate, lastModified, headers }: Resource): Headers {
  return {
    ETag: etag,
    'Cache-Control': `${isPrivate ? 'private' : 'public'}, ${cache === 'immutable' ? 'max-age=31536000, immutable' : 'no-cache'}`,
    'Accept-Ranges': 'bytes',
    'X-Content-Type-Options': 'nosniff',
    ...(lastModified === undefined ? {} : { 'Last-Modified': httpDate(lastModified.seconds) }),
    ...headers,
  }
}

/** Past Fastify's serialization, which these bytes do not need: every package and index goes this way. */
function finish(reply: FastifyReply, status: number, headers: Headers, body?: Uint8Array): void {
  const { raw } = reply.hijack()
  raw.writeHead(status, headers)
  raw.end(body)
}

async function discard(stream: Readable | AsyncIterable<Uint8Array>): Promise<void> {
  if ('destroy' in stream) stream.destroy()
  else await stream[Symbol.asyncIterator]().return?.()
}

function isClientGone(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ECONNRESET' || code === 'EPIPE'
}
