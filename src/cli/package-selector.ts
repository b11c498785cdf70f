import type { PackageSelector } from '../client/client.ts'
import { AshlarError } from '../common/errors.ts'

/** What a user writes to name packages of a suite. */
export const selectorSyntax = 'NAME[=VERSION][:ARCH]'

const selector = /^([a-z0-9][a-z0-9+.-]+)(?:=((?:\d+:\d|[A-Za-z0-9])[A-Za-z0-9.+~-]*))?(?::([a-z][a-z0-9-]*))?$/

/**
 * The packages that `text` names: `hello`, `hello=2.10-3`, `hello:arm64`, `hello=1:2.10-3:arm64`. After a colon that is
 * not that of an epoch (digits, then a digit) stands an architecture, which begins with a letter.
 */
export function parseSelector(text: string): PackageSelector {
  const [, name, version, architecture] = selector.exec(text) ?? []
  if (name === undefined) throw new AshlarError('usage', `“${text}” names no package; write ${selectorSyntax}.`)
  return {
    name,
    ...(version === undefined ? {} : { version }),
    ...(architecture === undefined ? {} : { architecture }),
  }
}
