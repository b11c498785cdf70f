/**
 * The SDK, set up so that it neither hangs nor guesses. It is imported only here, and late: it costs a server that has
 * no S3 store nothing.
 */
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { S3, S3ClientConfig } from '@aws-sdk/client-s3'
import { type FileSlice, readSlice } from './file-slice.ts'
import { isPassing } from './s3-errors.ts'
import type { S3Location, S3Secret } from './s3-location.ts'
import { httpAgent, httpsAgent, type SocketLimits } from './guarded-sockets.ts'

export interface S3Limits extends SocketLimits {
  /** How often a request is sent, if failures pass; between them is a growing time. */
  readonly attempts: number
}

export const defaultS3Limits: S3Limits = { connectMs: 5000, silenceMs: 30_000, sockets: 64, attempts: 5 }

export interface S3Clients {
  readonly requests: S3
  /** With sockets of its own: slow readers may hold all of them. */
  readonly downloads: S3
  /** An address that is good for so long, in the words of the public endpoint. */
  readonly presign: (input: { readonly Bucket: string; readonly Key: string }, seconds: number) => Promise<string>
}

/** Headers of requests that can be aborted, as the SDK takes them. */
export interface RequestOptions {
  readonly abortSignal?: AbortSignal
}

const backoffBaseMs = 100
const backoffMostMs = 5000
/** Else the SDK writes warnings to the console. */
const quiet = { trace() {}, debug() {}, info() {}, warn() {}, error() {} }

/** @param secret null: from the environment, the files or the machine, as all programs with an AWS SDK find it. */
export async function openS3Clients(
  location: S3Location,
  secret: S3Secret | null,
  limits: S3Limits,
): Promise<S3Clients> {
  const sdk = await import('@aws-sdk/client-s3')
  const { getSignedUrl } = await import('@aws-sdk/s3-request-presigner')
  const config = configOf(location, secret, limits)
  const handler = { logger: quiet, socketTimeout: 0 }
  const agents = { httpAgent: httpAgent(limits), httpsAgent: httpsAgent(limits) }
  const downloadAgents = { httpAgent: httpAgent(limits), httpsAgent: httpsAgent(limits) }
  const requests = new sdk.S3({ ...config, requestHandler: { ...handler, ...agents } })
  const downloads = new sdk.S3({
    ...config,
    // Until the answer begins, and with the time in which it waits for a socket.
    requestHandler: {
      ...handler,
      ...downloadAgents,
      requestTimeout: 2 * limits.silenceMs,
      throwOnRequestTimeout: true,
    },
  })
  const { publicEndpoint } = location
  const signer = publicEndpoint === undefined ? requests : new sdk.S3({ ...config, endpoint: publicEndpoint })
  return {
    requests,
    downloads,
    presign: (input, expiresIn) => getSignedUrl(signer, new sdk.GetObjectCommand(input), { expiresIn }),
  }
}

function configOf(location: S3Location, secret: S3Secret | null, limits: S3Limits): S3ClientConfig {
  return {
    region: location.region,
    forcePathStyle: location.pathStyle,
    ...(location.endpoint !== undefined && { endpoint: location.endpoint }),
    ...(secret !== null && { credentials: { ...secret } }),
    retryMode: 'standard',
    maxAttempts: limits.attempts,
    // Else bodies get trailers that most other servers refuse; ours have a Content-MD5, which all know.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // The SDK would not wait for the answer with agents that are not its own.
    expectContinueHeader: false,
    logger: quiet,
  }
}

/**
 * Sends a slice of a file as the body of a request. The SDK cannot send a stream again, so it is done here: each
 * attempt reads the file anew.
 * @throws what the last attempt threw; AshlarError if the file cannot be read; the reason of an abort
 */
export async function sendSlice<Output>(
  slice: FileSlice,
  { attempts, signal }: { readonly attempts: number; readonly signal?: AbortSignal | undefined },
  request: (body: Readable, options: RequestOptions) => Promise<Output>,
): Promise<Output> {
  for (let attempt = 1; ; attempt += 1) {
    signal?.throwIfAborted()
    const reading = new AbortController()
    const body = readSlice(slice)
    // A request whose body fails would wait for the rest for ever.
    body.once('error', (error) => reading.abort(error))
    const abortSignal = signal === undefined ? reading.signal : AbortSignal.any([signal, reading.signal])
    try {
      return await request(body, { abortSignal })
    } catch (error) {
      signal?.throwIfAborted()
      reading.signal.throwIfAborted()
      if (attempt >= attempts || !isPassing(error)) throw error
    } finally {
      body.destroy()
    }
    await sleep(backoffMs(attempt), undefined, signal === undefined ? {} : { signal })
  }
}

/** Grows twofold, with chance in it so that those who failed together do not try again together. */
function backoffMs(attempt: number): number {
  return Math.random() * Math.min(backoffMostMs, backoffBaseMs * 2 ** attempt)
}
