/** What a suite is, beyond its packages: what it follows, what comes in, what it has for clients. Only what is not usual. */
import { facts } from './facts.ts'
import { type Html, html } from './html.ts'
import { hereText, type MirrorValue, takenText, upstreamText, workText } from './mirror-facts.ts'
import { checkPath, mirrorsPath, repositoryPath } from './paths.ts'

export interface SuiteSettingsValue {
  readonly frozen: boolean
  readonly versions: 'all' | 'newest'
  readonly notAutomatic: boolean
  readonly butAutomaticUpgrades: boolean
  readonly contents: boolean
  readonly debugSuite: string | null
  readonly keyrings: readonly string[]
  readonly signedUploads: boolean
  readonly signatureSuffices: boolean
  readonly refuseLowerVersions: boolean
  readonly installability: 'off' | 'flag' | 'refuse'
  readonly installabilityWith: readonly string[]
  readonly pdiffs: number
}

interface SuiteValue {
  readonly name: string
  readonly aliases: readonly string[]
  readonly settings: SuiteSettingsValue
}

interface Place {
  readonly scope: string
  readonly name: string
}

/** @param isNow whether the reader looks at the suite as it is: of the past it is not known how a mirror went */
export function suiteFacts(
  place: Place,
  suite: SuiteValue,
  others: readonly SuiteValue[],
  { mirror, isNow }: { readonly mirror: MirrorValue | undefined; readonly isNow: boolean },
): Html | false {
  const { settings } = suite
  return facts([
    ['Frozen', settings.frozen && html`nothing comes in or goes out`],
    ...mirrorFacts(place, mirror, isNow),
    ['Uploads', uploads(settings)],
    ['Keeps', settings.versions === 'newest' && html`the newest version of a package`],
    ['Pinning', pinning(settings)],
    ['Debug symbols', debugSymbols(place, suite, others)],
    ['Installability', installability(place, suite)],
    [
      'Patches',
      settings.pdiffs > 0 && html`of the last ${settings.pdiffs} changes, which apt fetches instead of an index`,
    ],
    ['Contents', settings.contents && html`tells apt-file the package of a file`],
  ])
}

function mirrorFacts(place: Place, mirror: MirrorValue | undefined, isNow: boolean): [string, Html | false][] {
  if (mirror === undefined) return []
  const follows = html`${upstreamText(mirror)} (<a href="${mirrorsPath(place)}">mirror ${mirror.name}</a>)`
  if (!isNow) return [['Follows', follows]]
  return [
    ['Follows', follows],
    ['Taken over', takenText(mirror)],
    ['Work', workText(mirror)],
    ['Here', hereText(mirror)],
  ]
}

function uploads(settings: SuiteSettingsValue): Html | false {
  const { keyrings, signedUploads, signatureSuffices, refuseLowerVersions } = settings
  const keys = `a key of ${keyrings.join(' or ')}`
  const rules = [
    signedUploads ? `only signed by ${keys}${signatureSuffices ? ', which needs no token' : ''}` : '',
    !signedUploads && signatureSuffices ? `with a token, or signed by ${keys}` : '',
    refuseLowerVersions ? 'no version lower than one that is here' : '',
  ].filter((rule) => rule !== '')
  return rules.length > 0 && html`${rules.join('; ')}`
}

function pinning({ notAutomatic, butAutomaticUpgrades }: SuiteSettingsValue): Html | false {
  if (!notAutomatic) return false
  return html`apt installs from it only when asked to${butAutomaticUpgrades && ', and upgrades what came from it'}`
}

/** Where those of this suite go, or whose it has. */
function debugSymbols(place: Place, { name, aliases, settings }: SuiteValue, all: readonly SuiteValue[]): Html | false {
  if (settings.debugSuite !== null) return html`in ${link(place, settings.debugSuite)}`
  const whose = all.filter(({ settings: { debugSuite } }) => [name, ...aliases].includes(debugSuite ?? ''))
  if (whose.length === 0) return false
  return html`of ${whose.map((each, index) => html`${index > 0 && ', '}${link(place, each.name)}`)}`
}

function installability(place: Place, { name, settings }: SuiteValue): Html | false {
  const { installability: gate, installabilityWith: others } = settings
  const check = html`<a href="${checkPath(place, name)}">what can be installed</a>`
  if (gate === 'off') return check
  const what = gate === 'refuse' ? 'a change that breaks it is refused' : 'a change that breaks it is flagged'
  const together =
    others.length > 0 &&
    html`, checked with ${others.map((each, index) => html`${index > 0 && ', '}${link(place, each)}`)}`
  return html`${what}${together}; see ${check}`
}

function link(place: Place, suite: string): Html {
  return html`<a href="${repositoryPath(place, { suite })}">${suite}</a>`
}
