/** The deb822 source that a client pastes into /etc/apt/sources.list.d (sources.list(5)), with the key inside. */

export interface SnippetFacts {
  /** The archive, or one of its snapshots: `https://host/apt/scope/workspace`. */
  readonly url: string
  readonly suite: string
  readonly components: readonly string[]
  readonly hasSources: boolean
  /** Armored. */
  readonly publicKeys: readonly string[]
}

/** A snapshot is named by its own URL rather than by `Snapshot:`, which apt before 2.7 does not know. */
export function renderSources(facts: SnippetFacts): string {
  const key = facts.publicKeys
    .join('')
    .trimEnd()
    .split('\n')
    .map((line) => ` ${line === '' ? '.' : line}\n`)
  return [
    `Types: deb${facts.hasSources ? ' deb-src' : ''}\n`,
    `URIs: ${facts.url}/\n`,
    `Suites: ${facts.suite}\n`,
    `Components: ${facts.components.join(' ')}\n`,
    'Signed-By:\n',
    ...key,
  ].join('')
}
