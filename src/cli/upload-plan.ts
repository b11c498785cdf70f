import { readFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import pLimit from 'p-limit'
import { AshlarError, naming } from '../common/errors.ts'
import type { Sha256 } from '../common/digest.ts'
import { readChanges } from '../debian/changes-file.ts'
import { readSource } from '../debian/source-package.ts'
import type { PlannedArtifact } from './create-artifacts.ts'
import { readLocalFile, unreadable } from './local-file.ts'
import type { LocalFile } from './local-file.ts'

/** What the files that a user named become. */
export interface UploadPlan {
  /** One artifact for each package; these go into the suite. */
  readonly packages: readonly PlannedArtifact[]
  /** What tells where they come from: each .changes with its files, and .buildinfo files of none. */
  readonly records: readonly PlannedArtifact[]
}

const READS_AT_A_TIME = 4
const BINARY = /\.(?:deb|udeb|ddeb)$/
const kinds = '.deb, .udeb, .ddeb, .dsc, .changes or .buildinfo'

/**
 * Reads the files, and those that a .dsc or a .changes among them lists, each once.
 *
 * @throws AshlarError `usage` for a file of another kind; `file-unreadable`; `upload-inconsistent` if a file is not the
 *   one that is listed; `control-invalid` for a .dsc or .changes that cannot be read.
 */
export async function planUpload(files: readonly string[]): Promise<UploadPlan> {
  const reader = new Reader()
  // Started together at the end, so that no failure goes unnoticed while something else is awaited.
  const packages = new Map<string, () => Promise<PlannedArtifact>>()
  const records: (() => Promise<PlannedArtifact>)[] = []
  const listed = new Set<string>()
  const take = (file: string): void => {
    const key = resolve(file)
    if (packages.has(key)) return
    if (BINARY.test(file)) packages.set(key, () => reader.artifact('debian:binary-package', file, []))
    if (file.endsWith('.dsc')) packages.set(key, () => sourcePackage(reader, file))
  }
  for (const file of files.filter((each) => each.endsWith('.changes'))) {
    const found = await reader.listedBy(file, readChanges)
    for (const each of found) listed.add(resolve(each.file))
    for (const each of found) take(each.file)
    records.push(() => reader.artifact('debian:upload', file, found))
  }
  for (const file of files) {
    if (BINARY.test(file) || file.endsWith('.dsc')) take(file)
    else if (file.endsWith('.buildinfo')) {
      if (!listed.has(resolve(file))) records.push(() => reader.artifact('generic', file, []))
    } else if (!file.endsWith('.changes')) {
      throw new AshlarError('usage', `${file} is none of the files that can be uploaded: ${kinds}.`)
    }
  }
  const planned = await Promise.all([...packages.values(), ...records].map((plan) => plan()))
  return { packages: planned.slice(0, packages.size), records: planned.slice(packages.size) }
}

/**
 * The artifacts of signed uploads: each .changes with the files that it lists.
 *
 * @throws AshlarError as {@link planUpload}; `signed-upload-required` for a package that no .changes among them lists.
 */
export async function planSignedUploads(files: readonly string[], suite: string): Promise<PlannedArtifact[]> {
  const reader = new Reader()
  const listed = new Set<string>()
  const planned: PlannedArtifact[] = []
  for (const file of files.filter((each) => each.endsWith('.changes'))) {
    const found = await reader.listedBy(file, readChanges)
    for (const each of found) listed.add(resolve(each.file))
    planned.push(await reader.artifact('debian:upload', file, found))
  }
  const alone = files.find((file) => !file.endsWith('.changes') && !listed.has(resolve(file)))
  if (alone === undefined) return planned
  const detail = `${suite} takes packages only by signed uploads, and no .changes among the files lists ${alone}.`
  throw new AshlarError('signed-upload-required', detail)
}

async function sourcePackage(reader: Reader, file: string): Promise<PlannedArtifact> {
  return reader.artifact('debian:source-package', file, await reader.listedBy(file, readOtherFiles))
}

/** What a .dsc lists; it counts itself first. */
function readOtherFiles(bytes: Buffer, name: string): { readonly files: readonly Listed[] } {
  return { files: readSource(bytes, name).files.slice(1) }
}

interface Listed {
  readonly name: string
  readonly size: number
  readonly sha256: Sha256
}

interface ListedFile extends Listed {
  /** Where it is: beside the file that lists it. */
  readonly file: string
  readonly listedBy: string
}

function readNamed<T>(name: string, bytes: Buffer, parse: (bytes: Buffer, name: string) => T): T {
  try {
    return parse(bytes, name)
  } catch (error) {
    throw naming(name, error)
  }
}

/** Reads each file once, some at a time. */
class Reader {
  readonly #limit = pLimit(READS_AT_A_TIME)
  readonly #files = new Map<string, Promise<LocalFile>>()

  /** The files that a .dsc or .changes lists. */
  async listedBy(
    file: string,
    parse: (bytes: Buffer, name: string) => { readonly files: readonly Listed[] },
  ): Promise<ListedFile[]> {
    const bytes = await readFile(file).catch((error: unknown) => {
      throw unreadable(file, error)
    })
    return readNamed(basename(file), bytes, parse).files.map(({ name, size, sha256 }) => ({
      name,
      size,
      sha256,
      file: join(dirname(file), name),
      listedBy: basename(file),
    }))
  }

  /** An artifact of a file and those that it lists. */
  async artifact(category: string, file: string, listed: readonly ListedFile[]): Promise<PlannedArtifact> {
    const files = await Promise.all([this.#read(file), ...listed.map((each) => this.#readListed(each))])
    return { category, files }
  }

  async #read(file: string): Promise<LocalFile> {
    const key = resolve(file)
    const known = this.#files.get(key)
    if (known !== undefined) return known
    const reading = this.#limit(() => readLocalFile(file, basename(file)))
    this.#files.set(key, reading)
    return reading
  }

  async #readListed(listed: ListedFile): Promise<LocalFile> {
    const found = await this.#read(listed.file)
    if (found.sizeBytes === listed.size && found.sha256 === listed.sha256) return found
    const what = found.sizeBytes === listed.size ? 'another digest' : `${found.sizeBytes} bytes, not ${listed.size}`
    throw new AshlarError(
      'upload-inconsistent',
      `${listed.file} is not the file that ${listed.listedBy} lists: it has ${what}.`,
    )
  }
}
