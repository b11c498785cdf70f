/** What the server reads from a file, and what that says of the artifact that holds it. */
import { isDeepStrictEqual } from 'node:util'
import type { Sha256 } from '../common/digest.ts'
import { AshlarError } from '../common/errors.ts'
import type { ListedFile } from '../debian/checksum-list.ts'
import type { ArtifactData, Category } from './categories.ts'
import type { AnnouncedFile } from './wish.ts'

/** What a .deb or a .dsc says of itself: a row of `package` in the making. Follows from the bytes alone. */
export interface PackageReading {
  readonly kind: 'deb' | 'udeb' | 'dsc'
  readonly name: string
  readonly version: string
  readonly versionKey: string
  readonly architecture: string
  readonly sourceName: string
  readonly sourceVersion: string
  readonly section: string | null
  readonly priority: string | null
  readonly debugSymbols: boolean
  readonly stanza: string
  /** The files of the package, itself first, under the names that an archive gives them. */
  readonly files: readonly { readonly name: string; readonly sha256: Sha256 }[]
  /** Of a .deb: zstd of the paths that it installs, joined by newlines. */
  readonly paths: Uint8Array | null
}

export type Reading =
  | { readonly kind: 'binary'; readonly package: PackageReading }
  | { readonly kind: 'source'; readonly package: PackageReading; readonly listed: readonly ListedFile[] }
  | {
      readonly kind: 'changes'
      readonly source: string
      readonly version: string
      readonly distributions: readonly string[]
      readonly architectures: readonly string[]
      readonly listed: readonly ListedFile[]
    }

/** The part of a package that an artifact's data tells. */
export type PackageIdentity = Pick<PackageReading, 'name' | 'version' | 'architecture' | 'sourceName' | 'sourceVersion'>

/** What the reading of one of its files says of an artifact. */
export function factsOf(category: Category, reading: Reading): ArtifactData {
  if (reading.kind === 'binary') return factsOfBinary(category, reading.package)
  if (reading.kind === 'source') return { name: reading.package.name, version: reading.package.version }
  const { source, version, distributions, architectures } = reading
  return { source, version, distributions, architectures }
}

/** The same for a .deb that was read before. */
export function factsOfBinary(category: Category, found: PackageIdentity): ArtifactData {
  const source = { source: found.sourceName, sourceVersion: found.sourceVersion }
  if (category.name === 'debian:binary-packages') return source
  return { name: found.name, version: found.version, architecture: found.architecture, ...source }
}

/**
 * The data with what was found in it.
 * @param path the file that was read, for the message.
 * @throws AshlarError upload-inconsistent if what was there says something else.
 */
export function withFacts(data: ArtifactData, facts: ArtifactData, path: string): ArtifactData {
  for (const [member, found] of Object.entries(facts)) {
    const claimed = data[member]
    if (claimed === undefined || isDeepStrictEqual(claimed, found)) continue
    throw new AshlarError(
      'upload-inconsistent',
      `The ${member} of the artifact is ${JSON.stringify(claimed)}, but ${path} says ${JSON.stringify(found)}.`,
    )
  }
  return { ...data, ...facts }
}

/**
 * Compares what a .dsc or .changes lists with the other files of its artifact: they must be the same, byte for byte.
 * @throws AshlarError upload-inconsistent
 */
export function compareListed(reading: Reading, files: readonly AnnouncedFile[], path: string): void {
  if (reading.kind === 'binary') return
  const others = new Map(files.filter((file) => file.path !== path).map((file) => [file.path, file]))
  for (const listed of reading.listed) {
    const file = others.get(listed.name)
    if (file === undefined) throw inconsistent(path, `it lists ${listed.name}, which the artifact does not have`)
    if (file.sizeBytes !== listed.size || file.sha256 !== listed.sha256) {
      throw inconsistent(path, `it lists ${listed.name} with another size or SHA-256 than was announced`)
    }
    others.delete(listed.name)
  }
  const [extra] = others.keys()
  if (extra !== undefined) throw inconsistent(path, `it does not list ${extra}`)
}

function inconsistent(path: string, what: string): AshlarError {
  return new AshlarError('upload-inconsistent', `${path} does not fit the files beside it: ${what}.`)
}
