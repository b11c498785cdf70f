/**
 * Categories: what kinds of artifacts there are, what their data holds, and which files they have.
 *
 * Of packages and uploads the server reads the bytes itself and writes the data; what a creator claims there is compared with
 * what is found. Of other categories the creator's data is taken as it is, if it fits.
 */
import { Type, type TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { AshlarError } from '../common/errors.ts'

export type ArtifactData = Readonly<Record<string, unknown>>

/** How the server reads a file. */
export type ReadAs = 'binary' | 'source' | 'changes'

export interface Category {
  readonly name: string
  /** One sentence for the reference. */
  readonly description: string
  /** The data of a complete artifact. */
  readonly data: TSchema
  /** Which files it has, in words. */
  readonly files: string
  /** Who writes the data. If the server does, the creator may claim parts of it. */
  readonly dataBy: 'server' | 'creator'
  /** Which of its files the server reads, and as what. */
  readonly reads: (path: string) => ReadAs | undefined
  readonly fitsFiles: (paths: readonly string[]) => boolean
}

const text = Type.String({ minLength: 1, maxLength: 1000 })
const closed = { additionalProperties: false }

const isBinary = (path: string): boolean => /\.(?:deb|udeb|ddeb)$/.test(path)
const isSource = (path: string): boolean => path.endsWith('.dsc')
const isChanges = (path: string): boolean => path.endsWith('.changes')
const isFlat = (path: string): boolean => !path.includes('/')

const all: readonly Category[] = [
  {
    name: 'debian:source-package',
    description: 'A source package.',
    data: Type.Object({ name: text, version: text }, closed),
    files: 'One .dsc and exactly the files that it lists, without directories.',
    dataBy: 'server',
    reads: (path) => (isSource(path) ? 'source' : undefined),
    fitsFiles: (paths) => paths.filter(isSource).length === 1 && paths.every(isFlat),
  },
  {
    name: 'debian:binary-package',
    description: 'One binary package.',
    data: Type.Object({ name: text, version: text, architecture: text, source: text, sourceVersion: text }, closed),
    files: 'One .deb, .udeb or .ddeb and nothing else.',
    dataBy: 'server',
    reads: (path) => (isBinary(path) ? 'binary' : undefined),
    fitsFiles: (paths) => paths.length === 1 && paths.every(isBinary),
  },
  {
    name: 'debian:binary-packages',
    description: 'Binary packages that were built together from one source package.',
    data: Type.Object({ source: text, sourceVersion: text }, closed),
    files: 'One or more .deb, .udeb or .ddeb of one source and nothing else.',
    dataBy: 'server',
    reads: (path) => (isBinary(path) ? 'binary' : undefined),
    fitsFiles: (paths) => paths.length > 0 && paths.every(isBinary),
  },
  {
    name: 'debian:upload',
    description: 'An upload as its .changes describes it. Of one that was refused the .changes alone, for a week.',
    data: Type.Object(
      { source: text, version: text, distributions: Type.Array(text), architectures: Type.Array(text) },
      closed,
    ),
    files: 'One .changes and exactly the files that it lists, without directories.',
    dataBy: 'server',
    reads: (path) => (isChanges(path) ? 'changes' : undefined),
    fitsFiles: (paths) => paths.filter(isChanges).length === 1 && paths.every(isFlat),
  },
  {
    name: 'debian:package-build-log',
    description: 'The log of one build.',
    data: Type.Object(
      { source: text, version: text, architecture: Type.Optional(text), builder: Type.Optional(text) },
      closed,
    ),
    files: 'One file.',
    dataBy: 'creator',
    reads: () => undefined,
    fitsFiles: (paths) => paths.length === 1,
  },
  {
    name: 'generic',
    description: 'Anything.',
    data: Type.Record(Type.String(), Type.Unknown()),
    files: 'Any files, or none.',
    dataBy: 'creator',
    reads: () => undefined,
    fitsFiles: () => true,
  },
]

/** Every category, in the order of the reference. */
export const categories: readonly Category[] = all

const byName = new Map(all.map((category) => [category.name, category]))

/** Checks what a creator gives: all of the data, or, where the server writes it, any part. */
const checks = new Map(
  all.map((category) => [
    category.name,
    Compile(category.dataBy === 'server' ? Type.Partial(category.data, closed) : category.data),
  ]),
)

/** @throws AshlarError category-invalid if there is no such category. */
export function categoryNamed(name: string): Category {
  const category = byName.get(name)
  if (category !== undefined) return category
  const known = [...byName.keys()].join(', ')
  throw new AshlarError('category-invalid', `There is no category ${JSON.stringify(name)}; there are ${known}.`)
}

/** @throws AshlarError category-invalid, naming the member. */
export function checkData(category: Category, data: ArtifactData, where: string): void {
  const [error] = checks.get(category.name)?.Errors(data) ?? []
  if (error === undefined) return
  const member = error.instancePath === '' ? 'data' : `data${error.instancePath}`
  throw new AshlarError('category-invalid', `${where}: ${member} does not fit ${category.name}: ${error.message}.`)
}

/** @throws AshlarError category-invalid */
export function checkFiles(category: Category, paths: readonly string[], where: string): void {
  if (category.fitsFiles(paths)) return
  throw new AshlarError('category-invalid', `${where}: ${category.name} has other files: ${category.files}`)
}
