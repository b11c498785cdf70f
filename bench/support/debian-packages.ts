import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** An entry of Debian's own Packages file. */
export interface DebianPackage {
  readonly name: string
  readonly version: string
  readonly architecture: string
  /** Of the .deb. */
  readonly sizeBytes: number
  /** Its control fields, without those that an index adds. */
  readonly control: string
}

const LISTS = '/var/lib/apt/lists'
/** Fields that are of the index, not of the package; Description is followed by its digest, not by its text. */
const INDEX_FIELDS = /^(?:Filename|Size|MD5sum|SHA1|SHA256|SHA512|Description-md5): .*\n/gm

const run = promisify(execFile)

/** The largest list of main for this architecture among those that this machine's apt has fetched. */
export async function findPackagesList(): Promise<string | undefined> {
  const names = await readdir(LISTS).catch(() => [])
  // The security and updates lists are short, and their names longer.
  const found = names.filter((name) => /_dists_[^-]+_main_binary-amd64_Packages(?:\.\w+)?$/.test(name))
  const [shortest] = found.toSorted((a, b) => a.length - b.length)
  return shortest === undefined ? undefined : join(LISTS, shortest)
}

/** All packages of a list, in its order. */
export async function readPackagesList(list: string): Promise<DebianPackage[]> {
  const { stdout } = await run('/usr/lib/apt/apt-helper', ['cat-file', list], { maxBuffer: 2 ** 29 })
  return stdout.split('\n\n').flatMap((stanza) => {
    const name = field(stanza, 'Package')
    return name === undefined ? [] : [parse(name, stanza)]
  })
}

function parse(name: string, stanza: string): DebianPackage {
  return {
    name,
    version: field(stanza, 'Version') ?? '',
    architecture: field(stanza, 'Architecture') ?? '',
    sizeBytes: Number(field(stanza, 'Size')),
    control: `${stanza}\n`.replaceAll(INDEX_FIELDS, ''),
  }
}

function field(stanza: string, name: string): string | undefined {
  return new RegExp(`^${name}: (.*)$`, 'm').exec(stanza)?.[1]
}
