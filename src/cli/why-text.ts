/** An explanation as people read it: first what becomes of the thing, then what holds it and where it is. */
import type { Why, WhyFile, WhyHolder } from '../client/client.ts'
import { table } from './table.ts'
import { localTime, sizeText } from './wording.ts'

export function whyText(why: Why): string {
  const parts = [why.fate.sentence]
  if (why.heldBy.length > 0) parts.push(table(['HELD BY', 'WORKSPACE', 'WHAT', 'WHY'], why.heldBy.map(holderRow)))
  const more = why.total - why.heldBy.length
  if (more > 0) parts.push(`And ${more.toLocaleString('en-US')} more hold it.`)
  if (why.files.length > 0) parts.push(table(['SHA256', '>SIZE', 'STORE', 'STATE', ''], why.files.flatMap(fileRows)))
  return parts.join('\n\n')
}

function holderRow(holder: WhyHolder): string[] {
  switch (holder.kind) {
    case 'artifact':
      return [`artifact ${holder.id}`, holder.workspace, `${holder.category} ${holder.path}`, delayText(holder)]
    case 'suite': {
      const { suite, workspace, package: name, version, architecture, heldBecause, fromRevision } = holder
      const since = holder.untilRevision === null && fromRevision !== null ? `, since r${fromRevision}` : ''
      return [`suite ${suite}`, workspace, `${name} ${version} ${architecture}`, heldBecause + since]
    }
    case 'relation':
      return [`artifact ${holder.id}`, holder.workspace, `${holder.type} artifact ${holder.target}`, 'a relation']
    case 'pack':
      return ['indexes', holder.workspace, holder.revision === null ? '' : `made by r${holder.revision}`, 'a pack']
  }
}

function delayText({ rule, expiresAt }: Extract<WhyHolder, { kind: 'artifact' }>): string {
  if (rule === 'incomplete') return 'incomplete'
  if (expiresAt === null) return 'for ever'
  return `${rule === 'own' ? 'by its own delay' : "by its workspace's delay"} until ${localTime(expiresAt)}`
}

function fileRows({ sha256, size, gone, copies }: WhyFile): string[][] {
  const facts = [sha256, size === null ? '?' : sizeText(size)]
  if (copies.length === 0) return [[...facts, '', gone === null ? 'no copy' : gone.reason, localTime(gone?.since)]]
  return copies.map(({ store, state, reason, since, verifiedAt }, index) => {
    const detail =
      since === null
        ? verifiedAt === null
          ? ''
          : `verified ${localTime(verifiedAt)}`
        : `since ${localTime(since)}${reason === null ? '' : `: ${reason}`}`
    return [...(index === 0 ? facts : ['', '']), store, state, detail]
  })
}
