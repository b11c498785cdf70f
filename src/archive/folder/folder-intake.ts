import { open, readFile, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Workspace } from '../../access/access.ts'
import type { Artifacts } from '../../artifact/artifacts.ts'
import { AshlarError } from '../../common/errors.ts'
import { readSource } from '../../debian/source-package.ts'
import { fingerprintOf, maximumCopyBytes } from '../../storage/spool-copy.ts'
import type { Spool } from '../../storage/spool.ts'
import type { SpooledFile } from '../../storage/storage.ts'
import type { FolderPackage } from './folder-packages.ts'
import type { FileLook } from './folder-scan.ts'

/** The file was written to, replaced or removed while it was read: look again. */
export class FileMoved extends Error {}

export interface Intake {
  readonly root: string
  readonly workspace: Workspace
  readonly artifacts: Artifacts
  readonly spool: Spool
  readonly signal: AbortSignal
}

const CHUNK_BYTES = 1024 * 1024
/** What the reader of a .dsc takes; a larger file need not be read into memory to be refused. */
const LARGEST_DSC_BYTES = 16 * 1024 * 1024

/** Files of a look that have become artifacts. */
export interface TakenIn {
  readonly look: FileLook
  readonly artifactId: number
}

/**
 * Reads the package file of a look into an artifact of its own; a .dsc brings its files from the directory it lies in.
 *
 * @throws FileMoved; AshlarError `package-invalid` … for what is no package (yet); errors of the system.
 */
export async function takeIn(intake: Intake, look: FileLook): Promise<TakenIn> {
  if (look.path.endsWith('.dsc')) {
    const dsc = await spoolFile(intake, look.path, look.fingerprint)
    return { look, ...(await takeInSource(intake, look.path, dsc)) }
  }
  const { artifactId } =
    look.sizeBytes > maximumCopyBytes ? await takeInLarge(intake, look) : await takeInSmall(intake, look)
  return { look, artifactId }
}

async function takeInSmall({ root, artifacts, workspace }: Intake, look: FileLook): Promise<{ artifactId: number }> {
  const local = { from: join(root, look.path), fingerprint: look.fingerprint }
  const ingested = await artifacts.ingestLocal(workspace, local, basename(look.path), { userId: null })
  if (ingested === undefined) throw new FileMoved(look.path)
  return ingested
}

async function takeInLarge(intake: Intake, look: FileLook): Promise<{ artifactId: number }> {
  const spooled = await spoolFile(intake, look.path, look.fingerprint)
  return discardingOnError(intake, [spooled], () =>
    intake.artifacts.ingestBinary(intake.workspace, spooled, basename(look.path), { userId: null }),
  )
}

/** The packages that files were taken in as, by the path of the file. */
export async function packagesTakenIn(
  { artifacts, workspace }: Intake,
  taken: readonly TakenIn[],
): Promise<Map<string, FolderPackage>> {
  const refs = await artifacts.packagesOf(
    workspace,
    taken.map(({ artifactId }) => artifactId),
  )
  const byArtifact = new Map(refs.map((ref) => [ref.artifactId, ref]))
  const packages = new Map<string, FolderPackage>()
  for (const { look, artifactId } of taken) {
    const found = byArtifact.get(artifactId)
    if (found === undefined) throw new Error(`The artifact ${artifactId} holds no package`)
    const { packageId, name, version, architecture } = found
    const { fingerprint, mtimeMs } = look
    packages.set(look.path, { fingerprint, mtimeMs, artifactId, packageId, name, version, architecture })
  }
  return packages
}

async function takeInSource(
  intake: Intake,
  path: string,
  dsc: SpooledFile,
): Promise<{ artifactId: number; packageId: number }> {
  const taken = [dsc]
  return discardingOnError(intake, taken, async () => {
    const files = new Map<string, SpooledFile>()
    const listed = await filesIn(dsc, path)
    for (const { name, size } of listed) await requireSize(intake, join(dirname(path), name), size)
    for (const { name } of listed) {
      const spooled = await spoolFile(intake, join(dirname(path), name), undefined)
      taken.push(spooled)
      files.set(name, spooled)
    }
    return intake.artifacts.ingestSource(intake.workspace, dsc, files, basename(path), { userId: null })
  })
}

/** The other files of a source package; what its .dsc says of them is compared when it is taken in. */
async function filesIn(dsc: SpooledFile, path: string): Promise<readonly { name: string; size: number }[]> {
  if (dsc.sizeBytes > LARGEST_DSC_BYTES) throw new AshlarError('package-invalid', `${path} is too large for a .dsc.`)
  return readSource(await readFile(dsc.path), basename(path)).files.slice(1)
}

/** Files that are still to come, or still being copied, are noticed before any is read. */
async function requireSize(intake: Intake, path: string, size: number): Promise<void> {
  const found = await stat(join(intake.root, path)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw new AshlarError('package-invalid', `${path} is missing.`, { cause: error })
    throw error
  })
  if (found.size === size) return
  throw new AshlarError('package-invalid', `${path} has ${found.size} bytes, and its .dsc says ${size}.`)
}

/** Copies a file into the spool; what is copied is one state of it. */
async function spoolFile(intake: Intake, path: string, fingerprint: string | undefined): Promise<SpooledFile> {
  const place = join(intake.root, path)
  const handle = await openFile(place)
  try {
    const before = await handle.stat()
    if (fingerprint !== undefined && fingerprintOf(before) !== fingerprint) throw new FileMoved(path)
    if (!before.isFile()) throw new AshlarError('package-invalid', `${path} is not a regular file.`)
    const writer = await intake.spool.create()
    try {
      await writer.append(chunksOf(handle, before.size), { signal: intake.signal })
      const after = await handle.stat()
      const named = await stat(place).catch(() => undefined)
      if (named === undefined || [after, named].some((each) => fingerprintOf(each) !== fingerprintOf(before))) {
        throw new FileMoved(path)
      }
      return await writer.finish()
    } catch (error) {
      await writer.discard()
      throw error
    }
  } finally {
    await handle.close()
  }
}

/** The bytes of a file; most packages are one chunk. */
async function* chunksOf(handle: FileHandle, sizeBytes: number): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < sizeBytes;) {
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, sizeBytes - offset))
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, offset)
    // Shorter than it was: the state of the file is compared after this.
    if (bytesRead === 0) return
    yield chunk.subarray(0, bytesRead)
    offset += bytesRead
  }
}

/** A file that is gone since it was looked at is no failure. */
async function openFile(place: string): Promise<FileHandle> {
  try {
    return await open(place, 'r')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') throw new FileMoved(place)
    throw error
  }
}

/** What the artifacts do not take leaves the spool again. */
async function discardingOnError<T>(
  intake: Intake,
  spooled: readonly SpooledFile[],
  deed: () => Promise<T>,
): Promise<T> {
  try {
    return await deed()
  } catch (error) {
    for (const { path } of spooled) await intake.spool.remove(basename(path)).catch(() => undefined)
    throw error
  }
}
