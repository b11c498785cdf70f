/** The page of a workspace's mirrors: what each follows, and how it goes. */
import { facts } from './facts.ts'
import { type Html, html } from './html.ts'
import { layout, snippet } from './layout.ts'
import { hereText, type MirrorValue, scheduleText, takenText, upstreamText, workText } from './mirror-facts.ts'
import { repositoryPath } from './paths.ts'

interface Place {
  readonly scope: string
  readonly name: string
}

export function mirrorList(place: Place, mirrors: readonly MirrorValue[]): string {
  return layout({
    title: `Mirrors · ${place.scope}/${place.name} · Ashlar`,
    trail: [{ text: `${place.scope}/${place.name}`, href: repositoryPath(place) }, { text: 'Mirrors' }],
    body: html`<h1>Mirrors</h1>
      <p class="lead">Suites that follow a suite of another repository, each state of it one revision.</p>
      ${
        mirrors.length === 0
          ? noMirror()
          : html`<ul class="cards">
              ${mirrors.map((mirror) => card(place, mirror))}
            </ul>`
      }`,
  })
}

function noMirror(): Html {
  return html`<p class="empty">No mirror has been made here yet.</p>
    ${snippet('Command that makes a mirror', 'ashlar mirror create NAME URL SUITE --keyring FILE\nashlar mirror update NAME')}`
}

function card(place: Place, mirror: MirrorValue): Html {
  const { components, architectures, filter, lazy } = mirror.settings
  const chosen = [
    components === null ? 'all components' : components.join(', '),
    architectures === null ? 'all architectures' : architectures.join(', '),
  ].join('; ')
  return html`<li class="card">
    <h2>${mirror.name}${tag(mirror)}</h2>
    ${facts([
      ['Follows', upstreamText(mirror)],
      ['Suite', suiteText(place, mirror)],
      ['State', takenText(mirror)],
      ['Work', workText(mirror)],
      ['Here', hereText(mirror)],
      ['Takes', html`${chosen}${filter !== null && html`; <code>${filter}</code>`}`],
      ['Files', html`${lazy ? 'fetched when they are first asked for' : 'fetched with each update'}`],
      ['Updates', scheduleText(mirror)],
    ])}
  </li>`
}

/** Without a link before the first update, which makes the suite. */
function suiteText(place: Place, { suite, state }: MirrorValue): Html {
  if (state === null) return html`${suite}`
  return html`<a href="${repositoryPath(place, { suite })}">${suite}</a>`
}

function tag({ work, state }: MirrorValue): Html | false {
  if (work?.state === 'failed') return html` <span class="tag bad">failed</span>`
  if (work?.state === 'running') return html` <span class="tag">under way</span>`
  return state === null && html` <span class="tag">not updated yet</span>`
}
