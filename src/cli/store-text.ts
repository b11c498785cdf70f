/** Stores as people read them. */
import type { Growth, Policy, PolicyWish, StoreInfo, StoreWork } from '../client/client.ts'
import { listing, table } from './table.ts'
import { counted, localTime, sizeText } from './wording.ts'

/** `uploads 100, populated`: only what is said. */
export function policyText(policy: PolicyWish): string {
  const parts = [
    typeof policy.uploadPriority === 'number' ? `uploads ${policy.uploadPriority}` : 'no uploads',
    typeof policy.downloadPriority === 'number' ? `downloads ${policy.downloadPriority}` : '',
    policy.populate === true ? 'populated' : '',
    policy.drain === true ? `drained${typeof policy.drainTo === 'string' ? ` to ${policy.drainTo}` : ''}` : '',
    policy.readOnly === true ? 'read-only' : '',
    policy.writeOnly === true ? 'write-only' : '',
    typeof policy.softMaxBytes === 'number' ? `at most ${sizeText(policy.softMaxBytes)}` : '',
  ]
  return parts.filter((part) => part !== '').join(', ')
}

export function storeTable(stores: readonly StoreInfo[]): string {
  const rows = stores.map((store) => [
    store.name,
    store.kind,
    store.scope ?? 'all',
    store.files.toLocaleString('en-US'),
    sizeText(store.bytes),
    limitText(store),
    uploadsText(store.policies),
    workText(store.lastVacuum),
    problemsOf(store).join(', '),
  ])
  const titles = ['NAME', 'KIND', 'SCOPE', '>FILES', '>SIZE', '>LIMIT', '>UPLOADS', 'LAST VACUUM', 'PROBLEMS']
  return table(titles, rows)
}

export function storeListing(store: StoreInfo): string {
  const { figures } = store
  const lines = listing([
    ['Store', `${store.name} (${store.kind})`],
    ['Place', placeText(store)],
    ['Scope', store.scope ?? 'all'],
    ['Holds', `${counted(store.files, 'file')}, ${sizeText(store.bytes)}`],
    ['Soft maximum', store.softMaxBytes === null ? '' : sizeText(store.softMaxBytes)],
    ['Hard maximum', store.hardMaxBytes === null ? '' : sizeText(store.hardMaxBytes)],
    ['Growth', growthText(store.growth)],
    ['Saved', figures === null ? '' : `${sizeText(figures.savedBytes)} by keeping each file once`],
    ['Uploads', store.holdsUploads ? 'those in progress are kept here' : ''],
    ...store.policies.map((policy): [string, string] => [
      policy.scope === null ? 'Policy' : `Policy of ${policy.scope}`,
      policyText(policy),
    ]),
    ['Last vacuum', workText(store.lastVacuum)],
    ['Last scrub', workText(store.lastScrub)],
    ['To be deleted', store.condemned.files === 0 ? '' : sumsText(store.condemned)],
    ['Problems', problemsOf(store).join(', ')],
    ['Reason', store.unreachable ?? ''],
  ])
  const scopes = store.scopes ?? []
  return scopes.length === 0 ? lines : `${lines}\n\n${scopeTable(scopes)}`
}

function scopeTable(scopes: NonNullable<StoreInfo['scopes']>): string {
  const rows = scopes.map((each) => [
    each.scope,
    each.files.toLocaleString('en-US'),
    sizeText(each.bytes),
    sizeText(each.savedBytes),
    changeText(each.growth.day),
    changeText(each.growth.week),
  ])
  return table(['SCOPE', '>FILES', '>SIZE', '>SAVED', '>A DAY', '>A WEEK'], rows)
}

function placeText({ local, s3, remote, ownCredentials }: StoreInfo): string {
  if (local !== undefined) return local.directory
  if (remote !== undefined) return remote.url
  if (s3 === undefined) return ''
  const at = s3.endpoint === undefined ? `in ${s3.region ?? ''}` : `at ${s3.endpoint}`
  const key = ownCredentials ? 'with a key of its own' : "with the server's credentials"
  return `s3://${s3.bucket}/${s3.prefix ?? ''} ${at}, ${key}`
}

function limitText({ softMaxBytes, hardMaxBytes }: StoreInfo): string {
  const limits = [softMaxBytes, hardMaxBytes].filter((limit) => limit !== null)
  return limits.map((limit) => sizeText(limit)).join(' / ')
}

/** The priority for every scope, then those of scopes with their own. */
function uploadsText(policies: readonly Policy[]): string {
  return policies
    .filter((policy) => policy.uploadPriority !== null)
    .map(({ scope, uploadPriority }) => (scope === null ? '' : `${scope}:`) + String(uploadPriority))
    .join(' ')
}

function workText(work: StoreWork | null): string {
  if (work === null) return 'never'
  if (work.finishedAt === null) return work.state
  return work.state === 'done' ? localTime(work.finishedAt) : `${localTime(work.finishedAt)} (${work.state})`
}

function problemsOf(store: StoreInfo): string[] {
  const limit = store.softMaxBytes ?? store.hardMaxBytes
  return [
    store.unreachable === null ? '' : 'not reachable',
    store.damaged.files === 0 ? '' : `${sumsText(store.damaged)} damaged`,
    limit !== null && store.bytes > limit ? 'above its maximum' : '',
  ].filter((problem) => problem !== '')
}

function sumsText({ files, bytes }: { readonly files: number; readonly bytes: number }): string {
  return `${counted(files, 'file')} (${sizeText(bytes)})`
}

function growthText({ day, week }: Growth): string {
  const parts = [
    day === null ? '' : `${changeText(day)} in a day`,
    week === null ? '' : `${changeText(week)} in a week`,
  ]
  return parts.filter((part) => part !== '').join(', ')
}

function changeText(bytes: number | null): string {
  if (bytes === null) return ''
  return bytes < 0 ? `-${sizeText(-bytes)}` : `+${sizeText(bytes)}`
}
