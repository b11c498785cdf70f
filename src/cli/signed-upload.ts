import { AshlarError } from '../common/errors.ts'
import type { Upload } from '../client/client.ts'
import { createArtifacts } from './create-artifacts.ts'
import type { Outcome } from './outcome.ts'
import type { Session } from './session.ts'
import { planSignedUploads } from './upload-plan.ts'
import { verdictText } from './verdict-text.ts'
import { counted, sizeText } from './wording.ts'

/**
 * Uploads into a suite that takes only signed uploads: each .changes with its files becomes an artifact, which the server
 * judges as it judges what dput sends.
 */
export async function uploadSigned(session: Session, suite: string, files: readonly string[]): Promise<Outcome> {
  const planned = await planSignedUploads(files, suite)
  const made = await createArtifacts(session, planned)
  const uploads: Upload[] = []
  let isRefused = false
  for (const { id } of made.artifacts) {
    const { upload, refused } = await submit(session, suite, id)
    uploads.push(upload)
    isRefused ||= refused
  }
  const sent = `Sent ${counted(made.sentFiles, 'file')} (${sizeText(made.sentBytes)}).`
  return {
    document: { uploads, sentFiles: made.sentFiles, sentBytes: made.sentBytes },
    text: [sent, ...uploads.map(verdictText)].join('\n'),
    failed: isRefused,
  }
}

async function submit(
  session: Session,
  suite: string,
  artifact: number,
): Promise<{ upload: Upload; refused: boolean }> {
  try {
    return { upload: await session.workspace.submitUpload(suite, artifact), refused: false }
  } catch (error) {
    const upload = error instanceof AshlarError && error.code === 'upload-refused' ? error.extra['upload'] : undefined
    if (upload === undefined) throw error
    return { upload: upload as Upload, refused: true }
  }
}
