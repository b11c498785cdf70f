import type { Upload } from '../client/client.ts'
import { table } from './table.ts'

/** What became of an upload, then what was found about each part of it. */
export function verdictText(upload: Upload): string {
  const rows = upload.findings.map(({ subject, good, text }) => [good ? '' : 'BAD', subject, text])
  return `${headline(upload)}\n${table(['', 'WHAT', 'WHY'], rows)}\nSee ${upload.page}`
}

function headline({ state, name, suite, revision }: Upload): string {
  if (state === 'accepted') return `Accepted ${name} into ${suite}, sealed in r${revision}.`
  return state === 'refused' ? `Refused ${name} for ${suite}.` : `${name} is being published in ${suite}.`
}
