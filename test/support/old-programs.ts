/** The real aptly and reprepro, each with a repository of its own in a folder. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './apt-root.ts'
import { type DebRecipe, makeDeb, makeSource } from './make-deb.ts'

/** @returns why one of the programs cannot run here, if so */
export async function programMissing(...programs: readonly string[]): Promise<string | undefined> {
  for (const program of programs) {
    const words = program === 'aptly' ? ['version'] : program === 'db_dump' ? ['-V'] : ['--version']
    const { code } = await run(program, words).catch(() => ({ code: 127 }))
    if (code !== 0) return `there is no ${program} on this machine`
  }
  return undefined
}

export interface OldProgram {
  /** What `ashlar import` is given. */
  readonly root: string
  /** Runs it. @throws Error with what it said if it fails */
  (...words: string[]): Promise<string>
}

/** An aptly with nothing in it, which needs no keys. */
export async function newAptly(folder: string): Promise<OldProgram> {
  const root = join(folder, 'aptly')
  const config = join(folder, 'aptly.conf')
  await writeFile(config, JSON.stringify({ rootDir: root, gpgDisableSign: true, gpgDisableVerify: true }))
  return withRoot(root, (...words) => output('aptly', [`-config=${config}`, ...words]))
}

/** A reprepro with these files in conf/. */
export async function newReprepro(folder: string, conf: Readonly<Record<string, string>>): Promise<OldProgram> {
  const root = join(folder, 'reprepro')
  await mkdir(join(root, 'conf'), { recursive: true })
  for (const [name, text] of Object.entries(conf)) await writeFile(join(root, 'conf', name), text)
  return withRoot(root, (...words) => output('reprepro', ['-b', root, ...words]))
}

function withRoot(root: string, program: (...words: string[]) => Promise<string>): OldProgram {
  return Object.assign(program, { root })
}

async function output(program: string, words: readonly string[]): Promise<string> {
  const ran = await run(program, words)
  if (ran.code !== 0) throw new Error(`${program} ${words.join(' ')} gives ${ran.code}: ${ran.output}`)
  return ran.stdout
}

/** Writes packages into a folder under their usual names; gives their paths. */
export async function writeDebs(folder: string, recipes: readonly DebRecipe[]): Promise<string[]> {
  await mkdir(folder, { recursive: true })
  return Promise.all(
    recipes.map(async (recipe) => {
      const { name, version, architecture = 'all', section } = recipe
      const kind = section === 'debian-installer' ? 'udeb' : 'deb'
      const path = join(folder, `${name}_${version}_${architecture}.${kind}`)
      await writeFile(path, makeDeb(recipe))
      return path
    }),
  )
}

/** Writes a source package into a folder; gives the path of its .dsc. */
export async function writeSource(folder: string, name: string, version: string): Promise<string> {
  await mkdir(folder, { recursive: true })
  const files = makeSource({ name, version })
  for (const [path, bytes] of Object.entries(files)) await writeFile(join(folder, path), bytes)
  return join(folder, `${name}_${version}.dsc`)
}
