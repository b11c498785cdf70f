/** How a file is named in the stores that name things: `<first two digits>/<digest>`, with `.<generation>` from 1 on. */
import { parseSha256 } from '../common/digest.ts'
import type { FileKey } from './file-store.ts'

/** Files are spread by the first two digits of their digest, since a directory of millions is slow. */
export function shardOf({ sha256 }: FileKey): string {
  return sha256.slice(0, 2)
}

/** The last part of the name. */
export function nameOf({ sha256, generation }: FileKey): string {
  return generation === 0 ? sha256 : `${sha256}.${generation}`
}

/** The key that `nameOf` gives this name, or undefined if there is none: then it is a foreign object. */
export function parseName(name: string): FileKey | undefined {
  const [digest = '', generation, ...rest] = name.split('.')
  const sha256 = parseSha256(digest)
  if (sha256 === undefined || sha256 !== digest || rest.length > 0) return undefined
  if (generation === undefined) return { sha256, generation: 0 }
  return /^[1-9][0-9]{0,14}$/.test(generation) ? { sha256, generation: Number(generation) } : undefined
}
