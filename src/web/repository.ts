import { type Html, html } from './html.ts'
import { layout, moment, snippet } from './layout.ts'
import { type PastState, pastStates } from './past-states.ts'
import type { MirrorValue } from './mirror-facts.ts'
import { mirrorsPath, repositoryPath, uploadPath } from './paths.ts'
import { suiteFacts, type SuiteSettingsValue } from './suite-facts.ts'

export interface RepositoryValue {
  readonly scope: string
  readonly name: string
  readonly isPublic: boolean
  /** Absolute, with a slash at its end: what `URIs:` says. */
  readonly url: string
  readonly suites: readonly RepositorySuite[]
  /** The suite that the reader looks at; undefined while there is none. */
  readonly selected?: SelectedSuite
  /** Of the keys that sign; more than one while a key is being replaced. */
  readonly fingerprints?: readonly string[]
}

export interface RepositorySuite {
  readonly name: string
  readonly aliases: readonly string[]
  readonly components: readonly string[]
  readonly architectures: readonly string[]
  readonly settings: SuiteSettingsValue
  readonly packages: number
  readonly revision: number
  readonly sealedAt: number
}

export interface SelectedSuite extends RepositorySuite {
  /** The deb822 stanza with its key inline. */
  readonly sources: string
  /** The same as of `at`, if the reader looks at the past. */
  readonly at?: string
  /** A revision at which the suite is as it is now. */
  readonly installable?: number
  /** What it follows. */
  readonly mirror?: MirrorValue
  /** Revisions that changed the suite and have not expired, newest first. */
  readonly history: readonly PastState[]
}

/** The page of one repository: how to use it, what is in it, and its past states. */
export function repository(value: RepositoryValue): string {
  const { scope, name, selected } = value
  return layout({
    title: `${scope}/${name} · Ashlar`,
    trail: [{ text: `${scope}/${name}` }],
    body: html`<h1>${scope}/${name}${!value.isPublic && html` <span class="tag">private</span>`}</h1>
      <p class="lead">An APT repository. <code class="url">${value.url}</code></p>
      ${selected === undefined ? noSuite() : [suites(value, selected), use(value, selected), past(value, selected)]}
      ${value.fingerprints !== undefined && keys(value.url, value.fingerprints)}
      <p class="quiet">
        Also here: <a href="${uploadPath(value)}">uploads</a> that came with a .changes and what was decided about them,
        and <a href="${mirrorsPath(value)}">mirrors</a> of other repositories.
      </p>`,
  })
}

function noSuite(): Html {
  return html`<p class="empty">No suite has been published here yet.</p>
    <ol class="steps">
      <li>
        <p>Make one.</p>
        ${snippet('Command that makes a suite', 'ashlar suite create stable')}
      </li>
      <li>
        <p>Upload packages into it.</p>
        ${snippet('Command that uploads packages', 'ashlar upload --suite stable *.deb')}
      </li>
    </ol>`
}

function suites(value: RepositoryValue, selected: SelectedSuite): Html {
  return html`<section aria-labelledby="suites">
    <h2 id="suites">Suites</h2>
    <div class="scroll" tabindex="0" role="region" aria-labelledby="suites">
      <table>
        <thead>
          <tr>
            <th scope="col">Suite</th>
            <th scope="col" class="number">Packages</th>
            <th scope="col">Components</th>
            <th scope="col">Architectures</th>
            <th scope="col">Revision</th>
            <th scope="col">Sealed</th>
          </tr>
        </thead>
        <tbody>
          ${value.suites.map(
            (suite) =>
              html`<tr${suite.name === selected.name && html` class="current"`}>
<th scope="row"><a href="${repositoryPath(value, { suite: suite.name })}"${suite.name === selected.name && html` aria-current="true"`}>${suite.name}</a>${suite.aliases.map((alias) => html` <span class="tag">${alias}</span>`)}</th>
<td class="number">${suite.packages.toLocaleString('en')}</td>
<td>${suite.components.join(' ')}</td>
<td>${suite.architectures.join(' ')}</td>
<td>r${suite.revision}</td>
<td>${moment(suite.sealedAt)}</td>
</tr>`,
          )}
        </tbody>
      </table>
    </div>
    ${about(value, selected)}
  </section>`
}

function about(value: RepositoryValue, selected: SelectedSuite): Html | false {
  const { mirror, at } = selected
  const told = suiteFacts(value, selected, value.suites, { mirror, isNow: at === undefined })
  return (
    told !== false &&
    html`<h3>About ${selected.name}</h3>
      ${told}`
  )
}

function use(value: RepositoryValue, selected: SelectedSuite): Html {
  const file = `/etc/apt/sources.list.d/${fileStem(value, selected)}.sources`
  return html`<section aria-labelledby="use">
    <h2 id="use">Use ${selected.name}${selected.at !== undefined && html` as of ${selected.at}`}</h2>
    ${selected.at !== undefined && html`<p class="note">These sources stay at <strong>${selected.at}</strong> and never change. <a href="${repositoryPath(value, { suite: selected.name })}">Follow the current state instead</a>.</p>`}
    <p>Put this into <code>${file}</code>, then run <code>sudo apt update</code>.</p>
    ${snippet(`Sources of ${selected.name}`, selected.sources)} ${!value.isPublic && credentials(value.url)}
    ${olderApt(value, selected)}
  </section>`
}

function credentials(url: string): Html {
  const line = `machine ${url.startsWith('https://') ? url.slice('https://'.length) : url} login apt password TOKEN`
  return html`<p>
      This repository is private. Put a token into <code>/etc/apt/auth.conf.d/ashlar.conf</code>, readable by root only:
    </p>
    ${snippet('Credentials for apt', line)}`
}

function olderApt(value: RepositoryValue, selected: SelectedSuite): Html {
  const keyring = `/etc/apt/keyrings/${value.scope}-${value.name}.gpg`
  const url = selected.at === undefined ? value.url : `${value.url}snapshot/${selected.at}/`
  const fetchKey = `sudo install -d -m 0755 /etc/apt/keyrings
curl -fsSL ${value.isPublic ? '' : '--user apt:TOKEN '}${value.url}archive-key.gpg | sudo tee ${keyring} > /dev/null`
  return html`<details>
    <summary>For apt before 2.3.10 (Debian 11 and older)</summary>
    <p>
      It cannot read a key inside the sources. Fetch the key first, then add one line to
      <code>/etc/apt/sources.list</code>.
    </p>
    ${snippet('Commands that fetch the key', fetchKey)}
    ${snippet('Line for sources.list', `deb [signed-by=${keyring}] ${url} ${selected.name} ${selected.components.filter((component) => !component.endsWith('/debug')).join(' ')}`)}
  </details>`
}

function past(value: RepositoryValue, selected: SelectedSuite): Html {
  const { name: suite, at, history } = selected
  const latest = history[0]?.revision ?? selected.installable ?? selected.revision
  return pastStates({ workspace: value, suite, at, history, latest })
}

function keys(url: string, fingerprints: readonly string[]): Html {
  return html`<section aria-labelledby="key">
    <h2 id="key">Signing key</h2>
    ${fingerprints.map((fingerprint) => html`<p class="fingerprint"><code>${grouped(fingerprint)}</code></p>`)}
    <p>
      <a href="${url}archive-key.asc">archive-key.asc</a> (armored) or
      <a href="${url}archive-key.gpg">archive-key.gpg</a> (binary). The sources above have it already.
    </p>
  </section>`
}

/** In groups of four, to compare by eye. */
function grouped(fingerprint: string): string {
  return (fingerprint.toUpperCase().match(/.{1,4}/g) ?? []).join(' ')
}

/** Scope, workspace and suite as a file name that apt reads: letters, digits, `_`, `-`, `.` (sources.list(5)). */
function fileStem(value: RepositoryValue, selected: SelectedSuite): string {
  return `${value.scope}-${value.name}-${selected.name}`.replaceAll(/[^A-Za-z0-9_.-]/g, '-')
}
