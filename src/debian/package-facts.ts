/** What decides whether a package can be installed: the fields of its entry that name other packages. */

export interface PackageFacts {
  readonly name: string
  readonly version: string
  readonly architecture: string
  readonly multiArch: 'no' | 'same' | 'foreign' | 'allowed'
  readonly essential: boolean
  /** Pre-Depends and Depends. */
  readonly depends: string
  /** Conflicts and Breaks. */
  readonly conflicts: string
  readonly provides: string
}

/** Reads them from anything that has fields. */
export function packageFacts(entry: {
  readonly name: string
  readonly version: string
  readonly architecture: string
  field(name: string): string | undefined
}): PackageFacts {
  const joined = (...names: string[]): string =>
    names
      .map((name) => entry.field(name) ?? '')
      .filter((value) => value !== '')
      .join(', ')
  return {
    name: entry.name,
    version: entry.version,
    architecture: entry.architecture,
    multiArch: multiArchOf(entry.field('Multi-Arch')),
    essential: entry.field('Essential')?.toLowerCase() === 'yes',
    depends: joined('Pre-Depends', 'Depends'),
    conflicts: joined('Conflicts', 'Breaks'),
    provides: joined('Provides'),
  }
}

function multiArchOf(value: string | undefined): PackageFacts['multiArch'] {
  switch (value?.toLowerCase()) {
    case 'same':
      return 'same'
    case 'foreign':
      return 'foreign'
    case 'allowed':
      return 'allowed'
    case undefined:
    default:
      return 'no'
  }
}
