import { type Html, html } from './html.ts'
import { counted, layout, moment, snippet } from './layout.ts'
import { repositoryPath } from './paths.ts'

export interface HomeValue {
  /** Those that the reader may read. */
  readonly workspaces: readonly HomeWorkspace[]
  readonly isAnonymous: boolean
}

export interface HomeWorkspace {
  readonly scope: string
  readonly name: string
  readonly isPublic: boolean
  readonly suites: readonly HomeSuite[]
}

export interface HomeSuite {
  readonly name: string
  readonly revision: number
  readonly sealedAt: number
  readonly packages: number
}

/** The first page: what is here, and what to do next. */
export function home({ workspaces, isAnonymous }: HomeValue): string {
  const isEmpty = workspaces.every((workspace) => workspace.suites.length === 0)
  return layout({
    title: 'Ashlar',
    trail: [],
    body: html`<h1>Repositories</h1>
      <p class="lead">Signed APT repositories of which every past state stays installable.</p>
      ${
        workspaces.length === 0
          ? nothingToSee(isAnonymous)
          : html`<ul class="cards">
              ${workspaces.map(card)}
            </ul>`
      }
      ${workspaces.length > 0 && isAnonymous && html`<p class="quiet">Private workspaces are not listed here.</p>`}
      ${firstSteps(isEmpty)}`,
  })
}

function card(workspace: HomeWorkspace): Html {
  const { scope, name, suites, isPublic } = workspace
  return html`<li class="card">
    <h2>
      <a href="${repositoryPath(workspace)}">${scope}/${name}</a>${!isPublic && html` <span class="tag">private</span>`}
    </h2>
    ${
      suites.length === 0
        ? html`<p class="quiet">No suite yet.</p>`
        : html`<table>
            <thead>
              <tr>
                <th scope="col">Suite</th>
                <th scope="col" class="number">Packages</th>
                <th scope="col">Revision</th>
                <th scope="col">Sealed</th>
              </tr>
            </thead>
            <tbody>
              ${suites.map(
                (suite) =>
                  html`<tr>
                    <th scope="row"><a href="${repositoryPath(workspace, { suite: suite.name })}">${suite.name}</a></th>
                    <td class="number">
                      <span class="narrow-only">${counted(suite.packages, 'package')}</span
                      ><span class="wide-only">${suite.packages.toLocaleString('en')}</span>
                    </td>
                    <td>r${suite.revision}</td>
                    <td>${moment(suite.sealedAt)}</td>
                  </tr>`,
              )}
            </tbody>
          </table>`
    }
  </li>`
}

function nothingToSee(isAnonymous: boolean): Html {
  return html`<p class="empty">
    ${isAnonymous ? 'There is no public workspace here.' : 'There is no workspace that your token may read.'}
  </p>`
}

function firstSteps(isEmpty: boolean): Html {
  const title = isEmpty ? 'What to do next' : 'Publish more'
  return html`<section aria-labelledby="next">
    <h2 id="next">${title}</h2>
    <ol class="steps">
      <li>
        <p>Make a suite, the name that machines will follow.</p>
        ${snippet('Command that makes a suite', 'ashlar suite create stable')}
      </li>
      <li>
        <p>Upload packages into it. When the command returns they are installable.</p>
        ${snippet('Command that uploads packages', 'ashlar upload --suite stable *.deb')}
      </li>
      <li><p>Open the repository above and copy its sources to your machines.</p></li>
    </ol>
  </section>`
}
