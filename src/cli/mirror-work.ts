/** Shows work on a mirror while it goes on, and what came of it. */
import type { MirrorEvent, MirrorFilled, MirrorUpdated } from '../client/client.ts'
import type { Outcome } from './outcome.ts'
import type { Session } from './session.ts'
import { counted, sizeText } from './wording.ts'

const stages: Readonly<Record<Extract<MirrorEvent, { kind: 'stage' }>['stage'], string>> = {
  release: 'looking at its Release',
  indexes: 'fetching indexes',
  packages: 'reading packages',
  files: 'fetching files',
  seal: 'sealing',
}

export async function followWork(
  session: Session,
  events: AsyncIterable<MirrorEvent>,
  title: string,
): Promise<Outcome> {
  const notices: string[] = []
  let end: MirrorUpdated | MirrorFilled | undefined
  const show = (text: string): void => {
    if (session.showsProgress) process.stderr.write(`\r\x1b[K${text}`)
  }
  try {
    for await (const event of events) {
      if (event.kind === 'stage') show(`${title}: ${stages[event.stage]}`)
      if (event.kind === 'progress') show(`${title}: ${stages[event.stage]} ${progressText(event)}`)
      if (event.kind === 'notice') notices.push(event.detail)
      if (event.kind === 'end') end = event
    }
  } finally {
    show('')
  }
  for (const notice of notices) session.warn(notice)
  if (end === undefined) throw new Error('The work ended without an end')
  const { kind: _, ...outcome } = end
  const failed = end.work === 'fill' && end.failed > 0
  return { document: { ...outcome, notices }, text: end.work === 'fill' ? filledText(end) : updatedText(end), failed }
}

function progressText({ done, total, bytes, totalBytes }: Extract<MirrorEvent, { kind: 'progress' }>): string {
  if (bytes !== undefined && totalBytes !== undefined) {
    const files = total === undefined || done === 0 ? '' : `${done} of ${total}, `
    return `${files}${sizeText(bytes)} of ${sizeText(totalBytes)}`
  }
  return done.toLocaleString('en-US')
}

function updatedText({ revision, unchanged, added, removed, skipped }: MirrorUpdated): string {
  const passed = skipped === 0 ? '' : ` ${counted(skipped, 'entry', 'entries')} of its indexes could not be taken.`
  if (unchanged) return `Upstream is as it was; that is revision r${revision}.${passed}`
  return `Revision r${revision} holds what upstream has: ${counted(added, 'package')} came, ${removed} went.${passed}`
}

function filledText({ fetched, bytes, failed }: MirrorFilled): string {
  const done = `Fetched ${counted(fetched, 'file')}, ${sizeText(bytes)}.`
  return failed === 0 ? done : `${done} ${counted(failed, 'file')} did not come.`
}
