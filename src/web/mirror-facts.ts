/** What is told of a mirror, on its own page and with the suite that it fills. */
import { durationText } from '../common/duration.ts'
import { sizeText } from '../common/size-text.ts'
import { type Html, html } from './html.ts'
import { counted, moment } from './layout.ts'

export interface MirrorValue {
  readonly name: string
  /** The suite here. */
  readonly suite: string
  readonly settings: {
    readonly url: string
    readonly upstreamSuite: string
    /** Null: all. */
    readonly components: readonly string[] | null
    readonly architectures: readonly string[] | null
    readonly filter: string | null
    readonly lazy: boolean
    readonly everySeconds: number | null
  }
  readonly nextAt: number | null
  /** Null before the first update. */
  readonly state: { readonly revision: number; readonly takenAt: number; readonly checkedAt: number } | null
  readonly completeness: {
    readonly files: number
    readonly bytes: number
    readonly filesHere: number
    readonly bytesHere: number
  } | null
  readonly work:
    | { readonly state: 'running'; readonly kind: 'update' | 'fill'; readonly startedAt: number }
    | { readonly state: 'done'; readonly kind: 'update' | 'fill'; readonly finishedAt: number }
    | {
        readonly state: 'failed'
        readonly kind: 'update' | 'fill'
        readonly finishedAt: number
        readonly detail: string
      }
    | null
}

/** `http://deb.debian.org/debian/ trixie`. */
export function upstreamText({ settings }: MirrorValue): Html {
  return html`<code class="url">${settings.url}</code> ${settings.upstreamSuite}`
}

export function takenText({ state }: MirrorValue): Html {
  if (state === null) return html`not taken over yet`
  return html`r${state.revision}, ${moment(state.takenAt)}; checked ${moment(state.checkedAt)}`
}

/** How much of what it lists is here. */
export function hereText({ completeness, settings }: MirrorValue): Html | false {
  if (completeness === null) return false
  const { files, filesHere, bytes, bytesHere } = completeness
  if (files === filesHere) return html`all of its ${counted(files, 'file')}, ${sizeText(bytes)}`
  const of = `${filesHere.toLocaleString('en')} of ${counted(files, 'file')}, ${sizeText(bytesHere)} of ${sizeText(bytes)}`
  const others = settings.lazy ? '; the others come when they are asked for' : ''
  return html`<progress max="${bytes}" value="${bytesHere}">${of}</progress> ${of}${others}`
}

/** What is under way, or went wrong. */
export function workText({ work }: MirrorValue): Html | false {
  if (work === null || work.state === 'done') return false
  const what = work.kind === 'update' ? 'update' : 'filling'
  if (work.state === 'running') return html`${what} under way since ${moment(work.startedAt)}`
  return html`<strong>${what} failed</strong> ${moment(work.finishedAt)}: ${work.detail}`
}

export function scheduleText({ settings, nextAt }: MirrorValue): Html {
  if (settings.everySeconds === null) return html`when asked for`
  const next = nextAt !== null && html`, next ${moment(nextAt)}`
  return html`every ${durationText(settings.everySeconds)}${next}`
}
