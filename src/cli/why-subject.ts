/** What a user may name to be told why it is there. */
import { AshlarError } from '../common/errors.ts'

export interface WhySubject {
  /** The number of an artifact, a digest, or a path below `pool/`. */
  readonly subject: string
  /** `scope/name`, where the user gave the address of a repository. */
  readonly workspace?: string
}

/**
 * The thing that `text` names: `17`, a SHA-256 digest, `pool/main/h/hello/hello_1_all.deb`, the same without `pool/`, or
 * the address at which apt fetches it, also from a snapshot.
 */
export function parseSubject(text: string): WhySubject {
  if (/^https?:\/\//i.test(text)) return subjectAt(text)
  if (/^\d{1,15}$/.test(text)) return { subject: text }
  if (/^[0-9a-f]{64}$/i.test(text)) return { subject: text.toLowerCase() }
  const path = text.replace(/^(?:\.?\/)+/, '')
  if (!path.includes('/')) {
    throw new AshlarError(
      'usage',
      `“${text}” is neither the number of an artifact, nor a SHA-256 digest, nor a path of the pool.`,
    )
  }
  return { subject: path.startsWith('pool/') ? path : `pool/${path}` }
}

function subjectAt(address: string): WhySubject {
  const pathname = URL.canParse(address) ? new URL(address).pathname : ''
  const match = /\/apt\/([^/]+)\/([^/]+)\/(?:snapshot\/[^/]+\/)?(pool\/.+)$/.exec(pathname)
  const [, scope, name, path] = match ?? []
  if (scope === undefined || name === undefined || path === undefined) {
    throw new AshlarError('usage', `“${address}” is not the address of a package; it has /apt/scope/name/pool/ in it.`)
  }
  return { subject: decoded(path), workspace: `${decoded(scope)}/${decoded(name)}` }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (cause) {
    throw new AshlarError('usage', `“${text}” is not percent-encoded UTF-8.`, { cause })
  }
}
