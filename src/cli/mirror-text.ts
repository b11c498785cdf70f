/** Mirrors as people read them. */
import type { Completeness, MirrorInfo } from '../client/client.ts'
import { durationText } from '../common/duration.ts'
import { listing, table } from './table.ts'
import { counted, localTime, sizeText } from './wording.ts'

export function mirrorTable(mirrors: readonly MirrorInfo[]): string {
  const rows = mirrors.map((mirror) => [
    mirror.name,
    mirror.suite,
    `${mirror.url} ${mirror.upstreamSuite}`,
    mirror.upstream === null ? '' : `r${mirror.upstream.revision}`,
    localTime(mirror.upstream?.checkedAt),
    mirror.completeness === null ? '' : percentHere(mirror.completeness),
    stateText(mirror),
  ])
  return table(['NAME', 'SUITE', 'UPSTREAM', '>REVISION', 'CHECKED', '>HERE', 'STATE'], rows)
}

export function mirrorListing(mirror: MirrorInfo): string {
  const { upstream, completeness, everySeconds: every } = mirror
  return listing([
    ['Mirror', mirror.name],
    ['Of', `${mirror.url} ${mirror.upstreamSuite}`],
    ['Suite', mirror.suite],
    ['Components', mirror.components?.join(' ') ?? 'all'],
    ['Architectures', mirror.architectures?.join(' ') ?? 'all'],
    [
      'Also',
      [mirror.sources ? 'sources' : '', mirror.udebs ? 'udebs' : '', ...mirror.indexes].filter(Boolean).join(' '),
    ],
    ['Filter', `${mirror.filter ?? ''}${mirror.withDeps ? ' with what that depends on' : ''}`],
    ['Files', mirror.lazy ? 'fetched when they are first asked for' : 'fetched with each update'],
    ['Updates', every === null ? 'when asked for' : `every ${durationText(every)}, next ${localTime(mirror.nextAt)}`],
    [
      'At most',
      `${sizeText(mirror.maxFetchBytes)} an update, ${sizeText(mirror.maxIndexBytes)} an index, ` +
        `${sizeText(mirror.maxFileBytes)} a file, ${counted(mirror.maxPackages, 'entry', 'entries')}, ${durationText(mirror.timeoutSeconds)}`,
    ],
    ...mirror.keys.map(({ fingerprint, userIds }): [string, string] => ['Key', [fingerprint, ...userIds].join('  ')]),
    ['Upstream', upstream === null ? 'not taken over yet' : upstreamText(upstream)],
    ['Taken over', upstream === null ? '' : `${localTime(upstream.takenAt)}, revision r${upstream.revision}`],
    ['Checked', localTime(upstream?.checkedAt)],
    ['Here', completeness === null ? '' : completenessText(completeness)],
    ['State', stateText(mirror)],
  ])
}

/** `1,200 of 63,440 files, 2.0 GiB of 60.1 GiB (3 %)`. */
export function completenessText({ files, bytes, filesHere, bytesHere }: Completeness): string {
  const of = `${filesHere.toLocaleString('en-US')} of ${counted(files, 'file')}`
  return `${of}, ${sizeText(bytesHere)} of ${sizeText(bytes)} (${percentHere({ files, bytes, filesHere, bytesHere })})`
}

/** Never 100 % as long as something is missing. */
function percentHere({ files, bytes, filesHere, bytesHere }: Completeness): string {
  if (filesHere === files) return '100 %'
  return `${Math.min(99, Math.floor((100 * bytesHere) / Math.max(1, bytes)))} %`
}

function upstreamText({ date, suite, codename }: NonNullable<MirrorInfo['upstream']>): string {
  const names = [...new Set([suite, codename])].filter((name) => name !== '').join(', ')
  return `${names} of ${localTime(date)}`
}

function stateText({ lastWork: work }: MirrorInfo): string {
  if (work === null) return ''
  const what = work.kind === 'update' ? 'update' : 'filling'
  if (work.state === 'running') return `${what} under way since ${localTime(work.startedAt)}`
  if (work.state === 'failed') return `${what} failed ${localTime(work.finishedAt)}: ${work.detail ?? work.code ?? ''}`
  return 'good'
}
