/**
 * The token that a request carries: `Authorization: Bearer TOKEN`, or Basic with any user name and the token as the
 * password, which is what apt sends from its auth.conf (RFC 6750, RFC 7617). Whose it is, access/ knows.
 */
import type { IncomingMessage } from 'node:http'
import { AshlarError } from '../common/errors.ts'

/** The values of WWW-Authenticate in a 401. Basic first: apt and browsers know only that. */
export const challenges: readonly string[] = ['Basic realm="Ashlar", charset="UTF-8"', 'Bearer realm="Ashlar"']

/**
 * The secret of the request, or undefined if it carries none.
 *
 * @throws AshlarError `token-required` if there is an Authorization header that is not exactly one of the two forms:
 * credentials that are not understood never make a caller anonymous.
 */
export function secretOf(request: IncomingMessage): string | undefined {
  const header = request.headers.authorization
  if (header === undefined) return undefined
  if (timesSent(request, 'authorization') > 1) throw refused('there are several')
  const separator = header.indexOf(' ')
  const scheme = header.slice(0, Math.max(separator, 0)).toLowerCase()
  const credentials = header.slice(separator + 1)
  if (scheme === 'bearer') return bearerToken(credentials)
  if (scheme === 'basic') return basicPassword(credentials)
  throw refused('its scheme is neither Bearer nor Basic')
}

function bearerToken(credentials: string): string {
  // b64token of RFC 6750 section 2.1.
  if (!/^[A-Za-z0-9\-._~+/]+=*$/.test(credentials)) throw refused('what follows "Bearer " is not a token')
  return credentials
}

function basicPassword(credentials: string): string {
  const isBase64 = credentials.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(credentials)
  if (!isBase64) throw refused('what follows "Basic " is not base64')
  const pair = Buffer.from(credentials, 'base64').toString('utf8')
  const colon = pair.indexOf(':')
  if (colon < 0) throw refused('the Basic credentials have no colon')
  const password = pair.slice(colon + 1)
  if (password === '') throw refused('the Basic password, which is to be the token, is empty')
  return password
}

/** Node keeps only the first of repeated Authorization headers; another program on the way may have kept the last. */
function timesSent(request: IncomingMessage, name: string): number {
  return request.rawHeaders.filter((text, index) => index % 2 === 0 && text.toLowerCase() === name).length
}

function refused(why: string): AshlarError {
  return new AshlarError('token-required', `The Authorization header cannot be used: ${why}.`)
}
