import { createWriteStream } from 'node:fs'
import { lstat, mkdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pipeline } from 'node:stream/promises'
import { isConnectionFailure } from '../client/client.ts'
import type { ArtifactFile, WorkspaceClient } from '../client/client.ts'
import { AshlarError } from '../common/errors.ts'
import { readLocalFile, unreadable } from './local-file.ts'

const TRIES = 5

/**
 * Fetches one file of an artifact below a folder and returns where it is. The name appears when the file is whole and
 * its digest is right; a connection that breaks is taken up where it broke.
 *
 * @throws AshlarError `conflict` if another file is there and shall not be replaced; `digest-mismatch`; `file-unreadable`.
 */
export async function downloadFile(
  workspace: WorkspaceClient,
  artifact: number,
  file: ArtifactFile,
  options: { output: string; force: boolean },
): Promise<string> {
  const target = join(options.output, ...segments(file.path))
  if (await isThere(target)) {
    const present = await readLocalFile(target, file.path)
    if (present.sha256 === file.sha256) return target
    if (!options.force) throw new AshlarError('conflict', `${target} is there and differs; --force replaces it.`)
  }
  const part = `${target}.part`
  try {
    await mkdir(dirname(target), { recursive: true })
    await fetchInto(workspace, artifact, file.path, part)
    const { sha256 } = await readLocalFile(part, file.path)
    if (sha256 !== file.sha256) {
      throw new AshlarError('digest-mismatch', `${file.path} of artifact ${artifact} arrived with another digest.`)
    }
    await rename(part, target)
    return target
  } catch (error) {
    await rm(part, { force: true })
    throw error instanceof Error && 'syscall' in error ? unreadable(target, error) : error
  }
}

/** Writes the file's bytes to `part`; what a broken connection brought is kept, and the rest is asked for. */
async function fetchInto(workspace: WorkspaceClient, artifact: number, path: string, part: string): Promise<void> {
  let start = 0
  for (let attempt = 1; ; attempt += 1) {
    const body = await workspace.download(artifact, path, { start })
    try {
      await pipeline(body, createWriteStream(part, start === 0 ? { flags: 'w' } : { flags: 'r+', start }))
      return
    } catch (error) {
      if (attempt >= TRIES || !isConnectionFailure(error)) throw error
      const { size } = await stat(part)
      if (size > start) attempt = 0
      start = size
      await sleep(200 * 2 ** attempt)
    }
  }
}

/** The path's segments; the server's word is not trusted to stay below the folder. */
function segments(path: string): string[] {
  const parts = path.split('/')
  if (parts.some((part) => part === '' || part === '.' || part === '..' || part.includes('\0'))) {
    throw new AshlarError('request-invalid', `The artifact has a file with the unsafe path ${JSON.stringify(path)}.`)
  }
  return parts
}

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false
      throw unreadable(path, error)
    },
  )
}
