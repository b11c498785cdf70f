/** The thread that reads packages; package-reader.ts is its other end. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { open, readFile, unlink } from 'node:fs/promises'
import { zstdCompressSync } from 'node:zlib'
import { AshlarError } from '../common/errors.ts'
import { answerRequests } from '../common/worker-pool.ts'
import { describeBinary } from '../debian/binary-package.ts'
import type { ByteSource } from '../debian/ar.ts'
import { bufferSource, fileSource } from '../debian/byte-source.ts'
import { readChanges } from '../debian/changes-file.ts'
import { readDeb } from '../debian/deb-package.ts'
import { canonicalDebName, canonicalDscName } from '../debian/names.ts'
import { readSource } from '../debian/source-package.ts'
import { versionKey } from '../debian/version.ts'
import { copyToSpool, maximumCopyBytes } from '../storage/spool-copy.ts'
import type { Copied, CopyRequest, ReadRequest } from './package-reader.ts'
import type { PackageReading, Reading } from './reading.ts'

/** Larger ones are no control files; the formats themselves have lower limits with better words. */
const maximumTextBytes = 64 << 20

answerRequests(async (request: ReadRequest | CopyRequest): Promise<{ answer: Reading | Copied }> => {
  if (request.as === 'copy') return { answer: await copyBinary(request) }
  if (request.as === 'binary') return { answer: await readBinary(request) }
  const text = await readText(request)
  const read = request.as === 'source' ? readSourcePackage : readUpload
  return { answer: read(text, request.fileName) }
})

/** Reads the copy while it is synced. If it is no package, nothing of it stays. */
async function copyBinary({ from, to, fingerprint, fileName }: CopyRequest): Promise<Copied> {
  const copy = copyToSpool(from, to, fingerprint)
  if (copy === undefined) return { kind: 'moved' }
  const { bytes, spooled } = copy
  const [synced, read] = await Promise.allSettled([
    copy.sync(),
    describe(bufferSource(bytes), { ...spooled, fileName }),
  ])
  if (synced.status === 'fulfilled' && read.status === 'fulfilled') {
    return { kind: 'copied', spooled, package: read.value }
  }
  await unlink(to)
  throw synced.status === 'rejected' ? synced.reason : read.status === 'rejected' ? read.reason : undefined
}

async function readBinary(request: ReadRequest): Promise<Reading> {
  if (request.sizeBytes <= maximumCopyBytes) {
    return { kind: 'binary', package: await describe(bufferSource(readFileSync(request.path)), request) }
  }
  const handle = await open(request.path, 'r')
  try {
    return { kind: 'binary', package: await describe(fileSource(handle, request.sizeBytes), request) }
  } finally {
    await handle.close()
  }
}

/** What the bytes of a .deb say of it. */
async function describe(
  source: ByteSource,
  file: Pick<ReadRequest, 'fileName' | 'sizeBytes' | 'sha256' | 'md5'>,
): Promise<PackageReading> {
  const { fileName, sizeBytes, sha256 } = file
  const { control, paths } = await readDeb(source, { fileName })
  // What a package is follows from its bytes: somebody else may have sent the same under another name.
  const kind = control.get('Package-Type') === 'udeb' ? 'udeb' : 'deb'
  const md5 = file.md5 ?? (await md5Of(source.stream(0, sizeBytes)))
  const found = describeBinary({ kind, control }, { size: sizeBytes, md5, sha256 })
  const name = canonicalDebName(found.name, found.version, found.architecture, kind)
  return {
    ...found,
    versionKey: versionKey(found.version),
    files: [{ name, sha256 }],
    // A copy of just these bytes: all of the buffer below them would be sent to the other thread.
    paths: Uint8Array.from(zstdCompressSync(Buffer.from(paths.join('\n'), 'latin1'))),
  }
}

function readSourcePackage(dsc: Buffer, fileName: string): Reading {
  const named = readSource(dsc, fileName)
  // Under its own name, whatever it was sent as: the entry of an index must follow from the bytes.
  const found = readSource(dsc, canonicalDscName(named.name, named.version))
  const [, ...listed] = found.files
  return {
    kind: 'source',
    listed,
    package: {
      kind: 'dsc',
      name: found.name,
      version: found.version,
      versionKey: versionKey(found.version),
      architecture: 'source',
      sourceName: found.name,
      sourceVersion: found.version,
      section: found.section,
      priority: found.priority,
      debugSymbols: false,
      stanza: found.stanza,
      files: found.files.map(({ name, sha256 }) => ({ name, sha256 })),
      paths: null,
    },
  }
}

function readUpload(changes: Buffer, fileName: string): Reading {
  const { sourceName, version, distributions, architectures, files } = readChanges(changes, fileName)
  const listed = files.map(({ name, size, sha256, md5 }) => ({ name, size, sha256, md5 }))
  return { kind: 'changes', source: sourceName, version, distributions, architectures, listed }
}

async function readText(request: ReadRequest): Promise<Buffer> {
  if (request.sizeBytes <= maximumTextBytes) return await readFile(request.path)
  throw new AshlarError('too-large', `${request.fileName} has ${request.sizeBytes} bytes.`)
}

async function md5Of(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('md5')
  for await (const chunk of bytes) hash.update(chunk)
  return hash.digest('hex')
}
