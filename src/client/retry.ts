import { setTimeout as sleep } from 'node:timers/promises'

/** How often and how patiently a call that may be repeated is repeated. */
export interface RetryPolicy {
  /** Tries in all, the first included. */
  readonly attempts: number
  readonly firstDelayMs: number
  readonly longestDelayMs: number
}

export const usualRetries: RetryPolicy = { attempts: 6, firstDelayMs: 200, longestDelayMs: 10_000 }

/** Statuses after which the same request may succeed (RFC 6585 section 4, RFC 9110 section 15.6). */
export function mayPass(status: number): boolean {
  return status === 429 || status === 500 || status === 502 || status === 503 || status === 504
}

/** Failures of the connection, not of the request. */
export function isConnectionFailure(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && connectionFailures.has(code)
}

const connectionFailures = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
  'ENOTFOUND',
  'ERR_STREAM_PREMATURE_CLOSE',
  'HPE_INVALID_EOF_STATE',
])

/**
 * Waits before try number `attempt + 1`: doubling, with a random part so that many clients do not return at once, or
 * as long as the server asked for.
 *
 * @param attempt tries made so far, from 1.
 * @param retryAfter the header's value: seconds or a date (RFC 9110 section 10.2.3).
 */
export async function backOff(
  policy: RetryPolicy,
  attempt: number,
  retryAfter: string | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  const doubled = Math.min(policy.firstDelayMs * 2 ** (attempt - 1), policy.longestDelayMs)
  const asked = Math.min(retryAfterMs(retryAfter), 60_000)
  const delayMs = Math.max(asked, doubled * (0.5 + Math.random() / 2))
  await sleep(delayMs, undefined, signal === undefined ? {} : { signal })
}

function retryAfterMs(value: string | undefined): number {
  if (value === undefined) return 0
  if (/^\d+$/.test(value)) return Number(value) * 1000
  const at = Date.parse(value)
  return Number.isNaN(at) ? 0 : Math.max(0, at - Date.now())
}
