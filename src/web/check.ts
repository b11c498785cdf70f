/** The page that tells which packages of a suite cannot be installed, and why. */
import type { InstallReason } from '../debian/install-reasons.ts'
import { uninstallableLines } from '../debian/install-reason-text.ts'
import { type Html, html } from './html.ts'
import { layout, moment, snippet } from './layout.ts'
import { checkNowPath, repositoryPath } from './paths.ts'

export interface CheckValue {
  readonly scope: string
  readonly name: string
  readonly suite: string
  /** Suites from which what packages need may come. */
  readonly with: readonly string[]
  /** The last check that is known. */
  readonly last: CheckedValue | undefined
}

interface CheckedValue {
  readonly revision: number
  readonly checkedAt: number
  /** Whether the suites have not changed since. */
  readonly isCurrent: boolean
  readonly architectures: readonly {
    readonly architecture: string
    readonly checked: number
    readonly broken: number
    readonly undecided: number
    readonly packages: readonly {
      readonly name: string
      readonly version: string
      readonly architecture: string
      readonly verdict: 'broken' | 'undecided'
      readonly reasons: readonly InstallReason[]
    }[]
  }[]
}

export function suiteCheckPage(value: CheckValue): string {
  const { suite, last } = value
  return layout({
    title: `What can be installed from ${suite} · ${value.scope}/${value.name} · Ashlar`,
    trail: [
      { text: `${value.scope}/${value.name}`, href: repositoryPath(value) },
      { text: suite, href: repositoryPath(value, { suite }) },
      { text: 'Check' },
    ],
    body: html`<h1>What can be installed from ${suite}</h1>
      ${last === undefined ? notChecked() : result(last, value.with)} ${again(value)}`,
  })
}

function notChecked(): Html {
  return html`<p class="empty">This server has not checked it yet.</p>`
}

function result({ revision, checkedAt, isCurrent, architectures }: CheckedValue, others: readonly string[]): Html {
  return html`<p class="lead">
      As of r${revision}${others.length > 0 && `, together with ${others.join(', ')}`}, checked
      ${moment(checkedAt)}.${!isCurrent && html` <span class="tag">changed since</span>`}
    </p>
    <div class="scroll" tabindex="0" role="region" aria-label="Verdicts">
      <table>
        <thead>
          <tr>
            <th scope="col">On</th>
            <th scope="col" class="number">Packages</th>
            <th scope="col" class="number">Cannot be installed</th>
            <th scope="col" class="number">Undecided</th>
          </tr>
        </thead>
        <tbody>
          ${architectures.map(
            ({ architecture, checked, broken, undecided }) =>
              html`<tr>
                <th scope="row">${architecture}</th>
                <td class="number">${checked.toLocaleString('en')}</td>
                <td class="number">${broken === 0 ? 'none' : html`<strong>${broken.toLocaleString('en')}</strong>`}</td>
                <td class="number">${undecided === 0 ? 'none' : undecided.toLocaleString('en')}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    ${architectures.map(reasons)}`
}

function reasons({ architecture, broken, undecided, packages }: CheckedValue['architectures'][number]): Html | false {
  if (packages.length === 0) return false
  const more = broken + undecided - packages.length
  return html`<section aria-labelledby="on-${architecture}">
    <h2 id="on-${architecture}">On ${architecture}</h2>
    <ul class="reasons">
      ${packages.map((each) => {
        const [head = '', ...lines] = uninstallableLines(each)
        return html`<li><strong>${head}</strong>${lines.map((line) => html`<br />${line.trim()}`)}</li>`
      })}
    </ul>
    ${more > 0 && html`<p class="quiet">And ${more.toLocaleString('en')} more; the command tells of all.</p>`}
  </section>`
}

function again(value: CheckValue): Html {
  const others = value.with.length === 0 ? '' : ` --with ${value.with.join(',')}`
  const workspace = value.scope === 'local' && value.name === 'main' ? '' : ` --workspace ${value.scope}/${value.name}`
  return html`<section aria-labelledby="again">
    <h2 id="again">Check it</h2>
    <p>
      <a href="${checkNowPath(value, value.suite)}">Check it now</a>, with the token of somebody who may publish here as
      the password; or with the command:
    </p>
    ${snippet('Command that checks a suite', `ashlar suite check ${value.suite}${others}${workspace}`)}
  </section>`
}
