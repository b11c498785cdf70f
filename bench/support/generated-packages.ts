import { mkdir, readdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeDeb } from '../../test/support/make-deb.ts'
import type { DebianPackage } from './debian-packages.ts'

/** Packages below one directory: what a file system and a person can look at. */
const PACKAGES_PER_DIRECTORY = 1000

/**
 * A directory with `count` tiny .debs that carry the control fields of real packages, made unless it is there. Beyond
 * the number of real ones, the same again under other names.
 */
export async function generatedPackages(
  root: string,
  count: number,
  real: readonly DebianPackage[],
  tell: (sentence: string) => void,
): Promise<string> {
  const directory = join(root, `packages-${count}`)
  if ((await readdir(directory).catch(() => [])).length > 0) return directory
  tell(`making ${count} packages in ${directory}`)
  const part = `${directory}.part`
  for (let start = 0; start < count; start += PACKAGES_PER_DIRECTORY) {
    const inner = join(part, String(start / PACKAGES_PER_DIRECTORY).padStart(4, '0'))
    await mkdir(inner, { recursive: true })
    const end = Math.min(count, start + PACKAGES_PER_DIRECTORY)
    for (let index = start; index < end; index += 1) {
      const made = generatedPackage(index, count, real)
      await writeFile(join(inner, made.fileName), made.bytes)
    }
  }
  await rename(part, directory)
  return directory
}

interface GeneratedPackage {
  readonly fileName: string
  readonly name: string
  readonly bytes: Buffer
}

/** The package at a place of a suite of `count`; a new version of it where one is given. */
export function generatedPackage(
  index: number,
  count: number,
  real: readonly DebianPackage[],
  newVersion?: string,
): GeneratedPackage {
  // A small suite is spread over the alphabet as a large one is.
  const place = count < real.length ? Math.floor((index * real.length) / count) : index % real.length
  const round = Math.floor(index / real.length)
  const model = real[place]
  if (model === undefined) throw new Error('There is no package to take the fields of')
  const name = round === 0 ? model.name : `${model.name}-again${round}`
  const version = newVersion === undefined ? model.version : `${model.version}${newVersion}`
  const control = model.control
    .replace(/^Package: .*$/m, () => `Package: ${name}`)
    .replace(/^Version: .*$/m, () => `Version: ${version}`)
    // The names of libraries change with the package, as they do where a distribution has two versions of one.
    .replace(/^Source: .*$/m, (line) => (newVersion === undefined ? line : line.replace(/ \(.*$/, '')))
  const { architecture } = model
  const bytes = makeDeb({ name, version, architecture, control, compression: 'gz' })
  return { fileName: `${name}_${version.replace(/^\d+:/, '')}_${architecture}.deb`, name, bytes }
}
