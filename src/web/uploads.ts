/** The pages of uploads: those that came, and the verdict on one of them, item by item. */
import { authorText, type Signer } from '../common/authorship.ts'
import { type Html, html } from './html.ts'
import { layout, moment } from './layout.ts'
import { repositoryPath, uploadPath } from './paths.ts'

interface Place {
  readonly scope: string
  readonly name: string
}

export interface UploadValue {
  readonly id: number
  readonly suite: string
  /** The name of the .changes. */
  readonly name: string
  readonly source: string | null
  readonly version: string | null
  readonly state: 'accepting' | 'accepted' | 'refused'
  /** Whose token it came with. */
  readonly user: string | null
  readonly signer: Signer | null
  readonly findings: readonly { readonly subject: string; readonly good: boolean; readonly text: string }[]
  readonly revision: number | null
  readonly artifact: number | null
  readonly receivedAt: number
}

const words = { accepting: 'being published', accepted: 'accepted', refused: 'refused' } as const

/** The newest uploads of a workspace. */
export function uploadList(place: Place, uploads: readonly UploadValue[]): string {
  return layout({
    title: `Uploads · ${place.scope}/${place.name} · Ashlar`,
    trail: [{ text: `${place.scope}/${place.name}`, href: repositoryPath(place) }, { text: 'Uploads' }],
    body: html`<h1>Uploads</h1>
      ${
        uploads.length === 0
          ? html`<p class="empty">No upload with a .changes has come yet.</p>`
          : html`<div class="scroll" tabindex="0" role="region" aria-label="Uploads">
              <table>
                <thead>
                  <tr>
                    <th scope="col">Upload</th>
                    <th scope="col">Source</th>
                    <th scope="col">Version</th>
                    <th scope="col">Suite</th>
                    <th scope="col">Verdict</th>
                    <th scope="col">Received</th>
                    <th scope="col">By</th>
                  </tr>
                </thead>
                <tbody>
                  ${uploads.map((upload) => row(place, upload))}
                </tbody>
              </table>
            </div>`
      }`,
  })
}

function row(place: Place, upload: UploadValue): Html {
  return html`<tr>
    <th scope="row"><a href="${uploadPath(place, upload.id)}">${upload.id}</a></th>
    <td>${upload.source ?? upload.name}</td>
    <td>${upload.version}</td>
    <td>${upload.suite}</td>
    <td>${words[upload.state]}</td>
    <td>${moment(upload.receivedAt)}</td>
    <td class="by">${authorText(upload)}</td>
  </tr>`
}

function sender(upload: UploadValue): Html {
  if (upload.user === null && upload.signer === null) return html` without a token or a signature that counts`
  const key = upload.signer !== null && html`, key <code>${upload.signer.fingerprint}</code>`
  return html`${upload.user === null ? ', ' : ' from '}${authorText(upload)}${key}`
}

/** One upload and what was found about it. */
export function uploadDetails(place: Place, upload: UploadValue): string {
  const { id, name, suite, state, revision, findings } = upload
  return layout({
    title: `Upload ${id} · ${place.scope}/${place.name} · Ashlar`,
    trail: [
      { text: `${place.scope}/${place.name}`, href: repositoryPath(place) },
      { text: 'Uploads', href: uploadPath(place) },
      { text: String(id) },
    ],
    body: html`<h1>${name} <span class="tag">${words[state]}</span></h1>
      <p class="lead">
        For <a href="${repositoryPath(place, { suite })}">${suite}</a>, received
        ${moment(upload.receivedAt)}${sender(upload)}.
        ${revision !== null && html` Published in <a href="${repositoryPath(place, { suite, at: `r${revision}` })}">r${revision}</a>.`}
      </p>
      <div class="scroll" tabindex="0" role="region" aria-label="Verdict">
        <table>
          <thead>
            <tr>
              <th scope="col">What</th>
              <th scope="col">Good</th>
              <th scope="col">Why</th>
            </tr>
          </thead>
          <tbody>
            ${findings.map(
              ({ subject, good, text }) =>
                html`<tr>
                  <th scope="row" class="words">${subject}</th>
                  <td>${good ? 'yes' : html`<strong>no</strong>`}</td>
                  <td class="words">${text}</td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
      ${upload.artifact !== null && html`<p class="quiet">Kept as artifact ${upload.artifact}.</p>`}`,
  })
}
