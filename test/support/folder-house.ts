/** An Ashlar without its server that follows a folder, for tests. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openAccess } from '../../src/access/access.ts'
import type { Workspace } from '../../src/access/access.ts'
import { openArchives } from '../../src/archive/archives.ts'
import type { Archives } from '../../src/archive/archives.ts'
import { followFolder } from '../../src/archive/folder/folder.ts'
import { openArtifacts } from '../../src/artifact/artifacts.ts'
import type { Artifacts } from '../../src/artifact/artifacts.ts'
import { type Database, openDatabase } from '../../src/database/database.ts'
import { openStorage } from '../../src/storage/storage.ts'
import type { Storage } from '../../src/storage/storage.ts'
import { makeDeb } from './make-deb.ts'
import { temporaryDirectory } from './temporary-directory.ts'

/** An Ashlar without its server, and an empty folder. */
export class FolderHouse implements AsyncDisposable {
  readonly folder: string
  readonly dataDirectory: string
  readonly database: Database
  readonly storage: Storage
  readonly artifacts: Artifacts
  readonly archives: Archives
  readonly workspace: Workspace
  readonly #stack: AsyncDisposableStack

  private constructor(
    parts: Pick<
      FolderHouse,
      'folder' | 'dataDirectory' | 'database' | 'storage' | 'artifacts' | 'archives' | 'workspace'
    >,
    stack: AsyncDisposableStack,
  ) {
    this.folder = parts.folder
    this.dataDirectory = parts.dataDirectory
    this.database = parts.database
    this.storage = parts.storage
    this.artifacts = parts.artifacts
    this.archives = parts.archives
    this.workspace = parts.workspace
    this.#stack = stack
  }

  static async open(): Promise<FolderHouse> {
    const stack = new AsyncDisposableStack()
    const home = stack.use(await temporaryDirectory())
    const folder = join(home.path, 'debs')
    const dataDirectory = join(home.path, 'data')
    await mkdir(folder)
    await mkdir(dataDirectory)
    const database = stack.use(await openDatabase(`sqlite:${join(dataDirectory, 'ashlar.db')}`))
    const storage = await openStorage({ database, dataDirectory })
    const artifacts = stack.use(openArtifacts({ database, storage }))
    const archives = stack.use(await openArchives({ database, storage, publicUrl: () => 'http://localhost' }))
    const access = openAccess(database)
    const { adminToken } = await access.ensureFirstStart()
    const caller = await access.callerOf(adminToken)
    const workspace = await access.workspace(caller, 'local', 'main', 'suite:write')
    return new FolderHouse({ folder, dataDirectory, database, storage, artifacts, archives, workspace }, stack)
  }

  /** Follows the folder; `warnings` grows while it does. */
  async follow(): Promise<Following> {
    const controller = new AbortController()
    const warnings: string[] = []
    const log = { info: () => undefined, warn: (sentence: string) => void warnings.push(sentence) }
    const { storage, artifacts, archives, workspace, dataDirectory, folder } = this
    const { signal } = controller
    const wish = {
      directory: folder,
      suite: 'stable',
      spool: storage.spool,
      artifacts,
      archives,
      workspace,
      dataDirectory,
    }
    let readAtStart = 0
    const onProgress = (): void => {
      readAtStart += 1
    }
    const followed = await followFolder({ ...wish, signal, log, onProgress })
    const stop = async (): Promise<void> => {
      controller.abort()
      await followed.done
    }
    return { warnings, packages: followed.packages, readAtStart, stop, [Symbol.asyncDispose]: stop }
  }

  /** What the suite holds, as `name version`. */
  async published(): Promise<string[]> {
    const { items } = await this.archives.packages(this.workspace, { suite: 'stable' }, { limit: 1000 })
    return items.map(({ name, version }) => `${name} ${version}`).sort()
  }

  /** Puts a package into the suite as another client would. */
  async upload(name: string): Promise<number> {
    const writer = await this.storage.spool.create()
    await writer.append([deb(name)])
    const spooled = await writer.finish()
    const { packageId } = await this.artifacts.ingestBinary(this.workspace, spooled, `${name}.deb`, { userId: null })
    const request = { kind: 'add', suite: 'stable', packages: [{ packageId }] } as const
    await this.archives.submit(this.workspace, request, { userId: null })
    return packageId
  }

  async write(path: string, bytes: Buffer): Promise<void> {
    await writeFile(join(this.folder, path), bytes)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]()
  }
}

export interface Following extends AsyncDisposable {
  readonly warnings: string[]
  readonly packages: number
  /** How many files were read until all was published. */
  readonly readAtStart: number
  stop(): Promise<void>
}

export function deb(name: string, version = '1.0', content = ''): Buffer {
  return makeDeb({ name, version, files: { [`usr/share/${name}`]: `${name} ${version} ${content}` } })
}

export async function until(question: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await question())) await new Promise((resolve) => setTimeout(resolve, 25))
}

export async function untilPublished(house: FolderHouse, expected: readonly string[]): Promise<void> {
  await until(async () => JSON.stringify(await house.published()) === JSON.stringify(expected))
}

/** Long enough for several looks at the folder, of which one could go wrong. */
export async function someLooks(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 5500))
}
