/** All files of an artifact as one tar. */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { pack } from 'tar-stream'
import type { OpenedFile } from '../storage/storage.ts'
import type { Artifact } from './artifact-rows.ts'

/**
 * A tar of the artifact's files in the order of their paths; equal artifacts give equal bytes. A file is opened when
 * its turn comes, and read as fast as the reader takes it.
 */
export function tarOf(load: () => Promise<Artifact>, open: (path: string) => Promise<OpenedFile>): Readable {
  const tar = pack()
  const write = async (): Promise<void> => {
    const artifact = await load()
    for (const file of artifact.files) {
      const opened = await open(file.path)
      const header = { name: file.path, size: file.size, mode: 0o644, mtime: new Date(artifact.createdAt / 1000) }
      await pipeline(opened.stream, tar.entry(header))
    }
    tar.finalize()
  }
  write().catch((error: unknown) => tar.destroy(error instanceof Error ? error : new Error(String(error))))
  return Readable.from(tar, { objectMode: false })
}
