import { AshlarError, catalogue } from '../common/errors.ts'
import type { ErrorCode } from '../common/errors.ts'

/** The catalogue's code for an answer that names none of ours (a proxy's page, a newer server's code). */
function codeOfStatus(status: number): ErrorCode {
  const known: Readonly<Record<number, ErrorCode>> = {
    401: 'token-required',
    403: 'forbidden',
    404: 'not-found',
    409: 'conflict',
    410: 'gone',
    412: 'precondition-failed',
    413: 'too-large',
    429: 'busy',
    502: 'server-unreachable',
    503: 'busy',
    504: 'busy',
    507: 'storage-full',
  }
  return known[status] ?? (status < 500 ? 'request-invalid' : 'internal')
}

function isErrorCode(text: unknown): text is ErrorCode {
  return typeof text === 'string' && Object.hasOwn(catalogue, text)
}

/**
 * The error that an answer stands for: a problem document (RFC 9457) of ours gives its own code and detail; anything
 * else is named by its status.
 *
 * @param where method and path, for answers that say nothing themselves.
 */
export function errorFromAnswer(status: number, body: string, where: string): AshlarError {
  const document = parseObject(body)
  const type = document['type']
  const named = [document['code'], typeof type === 'string' ? type.split(/[/#:]/).at(-1) : undefined].find(isErrorCode)
  const sentence = [document['detail'], document['title']].find((text) => typeof text === 'string' && text !== '')
  const detail = typeof sentence === 'string' ? sentence : `The server answered ${status} to ${where}.`
  return new AshlarError(named ?? codeOfStatus(status), detail, { extra: { ...document, status } })
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
  } catch {
    return {}
  }
}
