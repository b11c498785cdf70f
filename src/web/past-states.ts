/** The states of a suite that are still installable, and who brought them about. */
import { deedText, type Signer } from '../common/authorship.ts'
import { type Html, html } from './html.ts'
import { moment, snippet } from './layout.ts'
import { repositoryPath, uploadPath } from './paths.ts'

export interface PastState {
  readonly revision: number
  readonly sealedAt: number
  readonly changes: readonly PastChange[]
}

interface PastChange {
  /** `add`, `copy` … */
  readonly kind: string
  readonly user: string | null
  readonly added: number
  readonly removed: number
  /** The upload that asked for it. */
  readonly upload?: { readonly id: number; readonly signer: Signer | null } | undefined
}

interface Past {
  readonly workspace: { readonly scope: string; readonly name: string }
  readonly suite: string
  /** The state that the reader looks at. */
  readonly at?: string | undefined
  /** Newest first. */
  readonly history: readonly PastState[]
  /** A revision at which the suite is as it is now. */
  readonly latest: number
}

export function pastStates({ workspace, suite, at, history, latest }: Past): Html {
  return html`<section aria-labelledby="snapshots">
    <h2 id="snapshots">Past states of ${suite}</h2>
    <p>Each of these is installable, byte for byte. Open one to get its sources; they work with every apt.</p>
    <div class="scroll" tabindex="0" role="region" aria-labelledby="snapshots">
      <table>
        <thead>
          <tr>
            <th scope="col">Revision</th>
            <th scope="col">Sealed</th>
            <th scope="col" class="number">Added</th>
            <th scope="col" class="number">Removed</th>
            <th scope="col">Change</th>
          </tr>
        </thead>
        <tbody>
          ${history.map(
            (entry) =>
              html`<tr${at === `r${entry.revision}` && html` class="current"`}>
<th scope="row"><a href="${repositoryPath(workspace, { suite, at: `r${entry.revision}` })}">r${entry.revision}</a></th>
<td>${moment(entry.sealedAt)}</td>
<td class="number">${sum(entry.changes, 'added', '+')}</td>
<td class="number">${sum(entry.changes, 'removed', '−')}</td>
<td class="by">${causes(workspace, entry.changes)}</td>
</tr>`,
          )}
        </tbody>
      </table>
    </div>
    <p>With apt 2.7 or newer, once the suite is in your sources, any command can look at a past state:</p>
    ${snippet('Command that installs from a snapshot', `sudo apt update -S r${latest}\nsudo apt install -S r${latest} PACKAGE`)}
  </section>`
}

/** How many packages the changes added or removed together; nothing for none. */
function sum(changes: readonly PastChange[], what: 'added' | 'removed', sign: string): string | undefined {
  const count = changes.reduce((total, change) => total + change[what], 0)
  return count === 0 ? undefined : `${sign}${count.toLocaleString('en')}`
}

/** Uploads lead to their verdicts; what else is the same is said once. */
function causes(workspace: Past['workspace'], changes: readonly PastChange[]): Html[] {
  const seen = new Set<string>()
  return changes.flatMap(({ kind, user, upload }) => {
    const text = deedText(upload === undefined ? kind : 'upload', { user, signer: upload?.signer })
    if (upload === undefined && seen.has(text)) return []
    const separator = seen.size === 0 ? '' : ', '
    seen.add(text)
    return upload === undefined
      ? html`${separator}${text}`
      : html`${separator}<a href="${uploadPath(workspace, upload.id)}">${text}</a>`
  })
}
