/** Whether the files that an upload names are there, and are the ones it means. */
import type { ChangesFile } from '../debian/checksum-list.ts'
import type { Changes } from '../debian/changes-file.ts'
import type { StoredFile } from '../storage/storage.ts'
import type { Findings } from './finding.ts'
import type { FoundFile, Submission } from './submission.ts'

export interface UploadedFile extends FoundFile {
  readonly listed: ChangesFile
}

/** The files of the .changes that are there, by name; what is wrong with the others is found. */
export async function findFiles(
  changes: Changes,
  submission: Submission,
  findings: Findings,
): Promise<Map<string, UploadedFile>> {
  const found = new Map<string, UploadedFile>()
  for (const listed of changes.files) {
    const candidates = await submission.find(listed.name)
    const file = candidates.find((each) => isListed(listed, each.file)) ?? (await inPool(changes, listed, submission))
    if (file !== undefined && isListed(listed, file.file)) {
      if (file.md5 !== undefined && file.md5 !== null && file.md5 !== listed.md5) {
        findings.bad(listed.name, `Its MD5 sum is ${file.md5}, not ${listed.md5} as ${submission.name} says.`)
        continue
      }
      found.set(listed.name, { ...file, listed })
    } else if (candidates[0] === undefined) {
      findings.bad(listed.name, 'It is missing: send it before the .changes.')
    } else {
      findings.bad(
        listed.name,
        `It is not the file that ${submission.name} lists: ${difference(listed, candidates[0].file)}.`,
      )
    }
  }
  return found
}

async function inPool(changes: Changes, listed: ChangesFile, submission: Submission): Promise<FoundFile | undefined> {
  const file = await submission.pool(changes.sourceName, listed)
  return file && { file }
}

function isListed(listed: { size: number; sha256: string }, file: StoredFile): boolean {
  return file.sha256 === listed.sha256 && file.sizeBytes === listed.size
}

function difference(listed: { size: number; sha256: string }, file: StoredFile): string {
  if (file.sizeBytes !== listed.size) return `it has ${file.sizeBytes} bytes, not ${listed.size}`
  return `its SHA-256 is ${file.sha256}, not ${listed.sha256}`
}
