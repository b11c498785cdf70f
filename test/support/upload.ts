/** Packages on their way into a suite, as a program does it that makes them in memory. */
import { createHash } from 'node:crypto'
import type { Artifact, SealedChange } from '../../src/client/client.ts'
import type { Server } from './serve.ts'

export type Files = Readonly<Record<string, Uint8Array>>

/** Creates an artifact of files and sends their bytes. The same key finds what an earlier try made. */
export async function sendArtifact(server: Server, category: string, files: Files, key?: string): Promise<Artifact> {
  const wish = {
    category,
    files: Object.entries(files).map(([path, bytes]) => ({ path, size: bytes.length, sha256: sha256(bytes) })),
    ...(key === undefined ? {} : { idempotencyKey: key }),
  }
  const [artifact] = await server.workspace.createArtifacts([wish])
  if (artifact === undefined) throw new Error('no artifact was made')
  for (const path of artifact.missing) {
    const answer = await sendFile(server, artifact.id, path, files[path] ?? new Uint8Array())
    if (!answer.ok) throw new Refused(answer.status, await answer.text())
  }
  return artifact
}

export async function sendFile(server: Server, artifact: number, path: string, bytes: Uint8Array): Promise<Response> {
  return server.request(`/api/v1/workspaces/local/main/artifacts/${artifact}/files/${encodeURIComponent(path)}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/octet-stream' },
    body: Buffer.from(bytes),
  })
}

/** Publishes one package: `{ 'a_1_all.deb': bytes }`, or a .dsc with its files. */
export async function publish(
  server: Server,
  suite: string,
  files: Files,
  options: { key?: string; component?: string } = {},
): Promise<SealedChange> {
  const { key, component } = options
  const isSource = Object.keys(files).some((name) => name.endsWith('.dsc'))
  const category = isSource ? 'debian:source-package' : 'debian:binary-package'
  const { id } = await sendArtifact(server, category, files, key)
  return server.workspace.addPackages(
    suite,
    { artifacts: [id], ...(component === undefined ? {} : { component }) },
    key === undefined ? {} : { idempotencyKey: key },
  )
}

/** What the server answered instead of taking a file. */
export class Refused extends Error {
  readonly status: number
  /** Of the catalogue. */
  readonly code: string

  constructor(status: number, text: string) {
    const { code, detail } = JSON.parse(text) as { code: string; detail: string }
    super(detail)
    this.status = status
    this.code = code
  }
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
