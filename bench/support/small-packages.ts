import { execFile } from 'node:child_process'
import { mkdir, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { DebianPackage } from './debian-packages.ts'

const run = promisify(execFile)
/** Small, so that publishing is measured rather than copying. */
const LARGEST_BYTES = 30_000
const PER_DOWNLOAD = 250

/** A directory with real small packages, fetched through apt-get unless they are there; all over the alphabet. */
export async function smallPackages(
  root: string,
  real: readonly DebianPackage[],
  count: number,
  tell: (sentence: string) => void,
): Promise<string> {
  const directory = join(root, `small-${count}`)
  if ((await readdir(directory).catch(() => [])).length > 0) return directory
  const small = real.filter((each) => each.sizeBytes <= LARGEST_BYTES && each.architecture !== 'i386')
  if (small.length < count) throw new Error(`Only ${small.length} packages of the list are small`)
  const chosen = Array.from({ length: count }, (_, index) => small[Math.floor((index * small.length) / count)])
  tell(`fetching ${count} packages into ${directory}`)
  const part = `${directory}.part`
  await mkdir(part, { recursive: true })
  for (let start = 0; start < count; start += PER_DOWNLOAD) {
    const names = chosen.slice(start, start + PER_DOWNLOAD).map((each) => `${each?.name}=${each?.version}`)
    await run('apt-get', ['download', '-qq', ...names], { cwd: part, maxBuffer: 2 ** 26 })
  }
  await rename(part, directory)
  return directory
}
