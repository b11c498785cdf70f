/** The thread that reads packages; package-reader.ts is its other end. */
import { createHash } from 'node:crypto'
import { open, readFile } from 'node:fs/promises'
import { zstdCompressSync } from 'node:zlib'
import { AshlarError } from '../common/errors.ts'
import { answerRequests } from '../common/worker-pool.ts'
import { describeBinary } from '../debian/binary-package.ts'
import { fileSource } from '../debian/byte-source.ts'
import { readChanges } from '../debian/changes-file.ts'
import { readDeb } from '../debian/deb-package.ts'
import { canonicalDebName, canonicalDscName } from '../debian/names.ts'
import { readSource } from '../debian/source-package.ts'
import { versionKey } from '../debian/version.ts'
import type { ReadRequest } from './package-reader.ts'
import type { Reading } from './reading.ts'

/** Larger ones are no control files; the formats themselves have lower limits with better words. */
const maximumTextBytes = 64 << 20

answerRequests(async (request: ReadRequest): Promise<{ answer: Reading }> => {
  if (request.as === 'binary') return { answer: await readBinary(request) }
  const text = await readText(request)
  const read = request.as === 'source' ? readSourcePackage : readUpload
  return { answer: read(text, request.fileName) }
})

async function readBinary(request: ReadRequest): Promise<Reading> {
  const handle = await open(request.path, 'r')
  try {
    const source = fileSource(handle, request.sizeBytes)
    const { control, paths } = await readDeb(source, { fileName: request.fileName })
    // What a package is follows from its bytes: somebody else may have sent the same under another name.
    const kind = control.get('Package-Type') === 'udeb' ? 'udeb' : 'deb'
    const md5 = request.md5 ?? (await md5Of(source.stream(0, request.sizeBytes)))
    const { sha256, sizeBytes } = request
    const found = describeBinary({ kind, control }, { size: sizeBytes, md5, sha256 })
    const name = canonicalDebName(found.name, found.version, found.architecture, kind)
    return {
      kind: 'binary',
      package: {
        ...found,
        versionKey: versionKey(found.version),
        files: [{ name, sha256 }],
        paths: zstdCompressSync(Buffer.from(paths.join('\n'))),
      },
    }
  } finally {
    await handle.close()
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
