import type { PackageSelector, SourceSelector } from '../client/client.ts'
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

/** What a user writes to name packages, or a source with all that was built from it. */
export const choiceSyntax = `${selectorSyntax}, or src:NAME[=VERSION] for a source with all that was built from it`

/** The packages and sources that words name. */
export function parseChoice(words: readonly string[]): {
  packages?: readonly PackageSelector[]
  sources?: readonly SourceSelector[]
} {
  const named = words.filter((word) => !word.startsWith('src:'))
  const sources = words.filter((word) => word.startsWith('src:'))
  return {
    ...(named.length === 0 ? {} : { packages: named.map(parseSelector) }),
    ...(sources.length === 0 ? {} : { sources: sources.map(parseSource) }),
  }
}

function parseSource(word: string): SourceSelector {
  const { name, version, architecture } = parseSelector(word.slice('src:'.length))
  if (architecture !== undefined) {
    throw new AshlarError('usage', `“${word}” names an architecture; write src:NAME[=VERSION].`)
  }
  return { name, ...(version === undefined ? {} : { version }) }
}
