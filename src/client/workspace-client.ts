import { randomUUID } from 'node:crypto'
import type { Readable } from 'node:stream'
import type { SuiteCheck } from './check-types.ts'
import { MirrorsClient } from './mirrors-client.ts'
import type { Transport } from './transport.ts'
import { AshlarError } from '../common/errors.ts'
import { uploadFile } from './upload-file.ts'
import type { Artifact, ArtifactPage, ArtifactWish } from './artifact-types.ts'
import type {
  BatchStep,
  ChangeStatus,
  PackageCopy,
  PackageSelector,
  Preview,
  SealedBatch,
  SealedChange,
} from './change-types.ts'
import type { HistoryPage, PackagePage, PageWish, SuiteDifference, SuiteInfo, SuiteSettings } from './suite-types.ts'
import type { Keyring, Upload, UploadPage, WaitingFile } from './upload-types.ts'
import type { Why } from './why-types.ts'

/** What every call takes beside its own arguments. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined
}

export interface ChangeOptions extends CallOptions {
  /** Of whom it is, as another program knew them (`name~origin`); only admins may say so. Default: the caller. */
  readonly recordedFor?: string | undefined
  /** The same key with the same request gives the same change. Default: a random one. */
  readonly idempotencyKey?: string | undefined
}

/** The calls within one workspace. Errors: an AshlarError with the code of the server's problem document. */
export class WorkspaceClient {
  readonly #transport: Transport
  readonly #root: string

  constructor(transport: Transport, scope: string, name: string) {
    this.#transport = transport
    this.#root = `/api/v1/workspaces/${encodeURIComponent(scope)}/${encodeURIComponent(name)}`
  }

  /** Suites that follow one of another repository. */
  get mirrors(): MirrorsClient {
    return new MirrorsClient(this.#transport, this.#root)
  }

  /** At most 1000 at a time. Give each an idempotency key: only then is the call repeated after a lost answer. */
  async createArtifacts(
    wishes: readonly ArtifactWish[],
    options: Omit<ChangeOptions, 'idempotencyKey'> = {},
  ): Promise<readonly Artifact[]> {
    const answer = await this.#transport.json({
      method: 'POST',
      path: `${this.#root}/artifacts`,
      json: { artifacts: wishes },
      headers: recordedFor(options),
      repeatable: wishes.every((wish) => wish.idempotencyKey !== undefined),
      signal: options.signal,
    })
    return (answer as { artifacts: Artifact[] }).artifacts
  }

  async artifacts(wish: PageWish & { category?: string | undefined } = {}): Promise<ArtifactPage> {
    const { category, name, after, limit } = wish
    return (await this.#get('/artifacts', { category, name, after, limit })) as ArtifactPage
  }

  async artifact(id: number): Promise<Artifact> {
    return (await this.#get(`/artifacts/${id}`)) as Artifact
  }

  async deleteArtifact(id: number): Promise<void> {
    await this.#transport.json({ method: 'DELETE', path: `${this.#root}/artifacts/${id}`, repeatable: true })
  }

  /** Sends one file of an artifact, continuing after interruptions. */
  async uploadFile(
    target: { artifact: number; path: string },
    source: { file: string; sizeBytes: number },
    options: CallOptions & { onBytes?: (count: number) => void } = {},
  ): Promise<void> {
    const address = this.#fileAddress(target.artifact, target.path)
    await uploadFile(this.#transport, { address, ...source, ...options })
  }

  /** The bytes of one file, from byte `start` on. */
  async download(artifact: number, path: string, options: CallOptions & { start?: number } = {}): Promise<Readable> {
    const start = options.start ?? 0
    const answer = await this.#transport.send({
      method: 'GET',
      path: this.#fileAddress(artifact, path),
      headers: start === 0 ? {} : { range: `bytes=${start}-` },
      repeatable: true,
      signal: options.signal,
    })
    return answer.body
  }

  async suites(options: { at?: string | undefined } = {}): Promise<readonly SuiteInfo[]> {
    return ((await this.#get('/suites', { at: options.at })) as { suites: SuiteInfo[] }).suites
  }

  async suite(name: string, options: { at?: string | undefined } = {}): Promise<SuiteInfo> {
    return (await this.#get(suitePath(name), { at: options.at })) as SuiteInfo
  }

  async createSuite(
    suite: SuiteSettings & { name: string; aliases?: readonly string[] },
    options: ChangeOptions = {},
  ): Promise<SealedChange> {
    return this.#change('POST', '/suites', suite, options)
  }

  async updateSuite(name: string, settings: SuiteSettings, options: ChangeOptions = {}): Promise<SealedChange> {
    return this.#change('PATCH', suitePath(name), settings, options)
  }

  /** A page of a `filter` may be short; there is more while it has a `next`. */
  async packages(
    suite: string,
    wish: PageWish & { at?: string | undefined; filter?: string | undefined } = {},
  ): Promise<PackagePage> {
    const { at, name, filter, after, limit } = wish
    return (await this.#get(`${suitePath(suite)}/packages`, { at, name, filter, after, limit })) as PackagePage
  }

  /** Which packages of a suite cannot be installed from it and the suites `with` it, and why. */
  async checkInstallability(
    suite: string,
    wish: {
      with?: readonly string[] | undefined
      architectures?: readonly string[] | undefined
      at?: string | undefined
      limit?: number | undefined
    } = {},
  ): Promise<SuiteCheck> {
    const { at, limit } = wish
    const query = { with: wish.with?.join(','), architecture: wish.architectures?.join(','), at, limit }
    return (await this.#get(`${suitePath(suite)}/installability`, query)) as SuiteCheck
  }

  async addPackages(
    suite: string,
    packages: { artifacts: readonly number[]; component?: string; section?: string; priority?: string },
    options: ChangeOptions = {},
  ): Promise<SealedChange> {
    return this.#change('POST', `${suitePath(suite)}/packages`, packages, options)
  }

  async removePackages(
    suite: string,
    packages: readonly PackageSelector[],
    options: ChangeOptions = {},
  ): Promise<SealedChange> {
    return this.#change('POST', `${suitePath(suite)}/remove`, { packages }, options)
  }

  async copyPackages(suite: string, from: PackageCopy, options: ChangeOptions = {}): Promise<SealedChange> {
    return this.#change('POST', `${suitePath(suite)}/copy`, from, options)
  }

  async rollBack(suite: string, to: string, options: ChangeOptions = {}): Promise<SealedChange> {
    return this.#change('POST', `${suitePath(suite)}/rollback`, { to }, options)
  }

  /** Several changes of any suites as one: all of them are in one revision, or none is. */
  async changeSuites(steps: readonly BatchStep[], options: ChangeOptions = {}): Promise<SealedBatch> {
    return (await this.#submit('POST', '/changes', { steps }, options)) as SealedBatch
  }

  /** What became of the change that was asked for with this idempotency key; undefined if none was. */
  async changeOfKey(key: string): Promise<ChangeStatus | undefined> {
    try {
      return (await this.#get('/changes', { key })) as ChangeStatus
    } catch (error) {
      if (error instanceof AshlarError && error.code === 'not-found') return undefined
      throw error
    }
  }

  /** What `changeSuites` would do now; nothing is changed. */
  async previewChanges(steps: readonly BatchStep[], options: CallOptions = {}): Promise<Preview> {
    const answer = await this.#transport.json({
      method: 'POST',
      path: `${this.#root}/changes/preview`,
      json: { steps },
      repeatable: true,
      signal: options.signal,
    })
    return answer as Preview
  }

  async setAlias(name: string, suite: string, options: ChangeOptions = {}): Promise<SealedChange> {
    return this.#change('PUT', `/aliases/${encodeURIComponent(name)}`, { suite }, options)
  }

  async removeAlias(name: string, options: ChangeOptions = {}): Promise<SealedChange> {
    return this.#change('DELETE', `/aliases/${encodeURIComponent(name)}`, undefined, options)
  }

  async history(suite: string, wish: { before?: number | undefined; limit?: number } = {}): Promise<HistoryPage> {
    return (await this.#get(`${suitePath(suite)}/history`, { before: wish.before, limit: wish.limit })) as HistoryPage
  }

  /** What is in `suite` at `to` and was not so in it, or in the suite `with`, at `from`. */
  async difference(
    suite: string,
    states: { from?: string | undefined; to?: string | undefined; with?: string | undefined },
  ): Promise<SuiteDifference> {
    const { from, to, with: other } = states
    return (await this.#get(`${suitePath(suite)}/diff`, { from, to, with: other })) as SuiteDifference
  }

  /** The deb822 stanza for sources.list.d, with the key inline. */
  async sources(suite: string, options: { at?: string | undefined } = {}): Promise<string> {
    return this.#transport.text({
      method: 'GET',
      path: `${this.#root}${suitePath(suite)}/sources`,
      query: { at: options.at },
      repeatable: true,
    })
  }

  /** Uploads with a .changes, the newest first. */
  async uploads(
    wish: { suite?: string | undefined; state?: string | undefined; before?: number; limit?: number } = {},
  ): Promise<UploadPage> {
    const { suite, state, before, limit } = wish
    return (await this.#get('/uploads', { suite, state, before, limit })) as UploadPage
  }

  async upload(id: number): Promise<Upload> {
    return (await this.#get(`/uploads/${id}`)) as Upload
  }

  /** Files that wait for their .changes. */
  async incoming(): Promise<readonly WaitingFile[]> {
    return ((await this.#get('/incoming')) as { files: WaitingFile[] }).files
  }

  /** Lets the server judge an upload whose files are a debian:upload, and publish it. @throws AshlarError upload-refused */
  async submitUpload(suite: string, artifact: number, options: CallOptions = {}): Promise<Upload> {
    const answer = await this.#transport.json({
      method: 'POST',
      path: `${this.#root}${suitePath(suite)}/uploads`,
      json: { artifact },
      // The same upload sent again gets the verdict that it got.
      repeatable: true,
      signal: options.signal,
    })
    return answer as Upload
  }

  async keyrings(): Promise<readonly Keyring[]> {
    return ((await this.#get('/keyrings')) as { keyrings: Keyring[] }).keyrings
  }

  async keyring(name: string): Promise<Keyring> {
    return (await this.#get(keyringPath(name))) as Keyring
  }

  /** Public keys, armored; makes the keyring if there is none. */
  async addKeys(name: string, keys: string): Promise<Keyring> {
    const path = this.#root + keyringPath(name)
    return (await this.#transport.json({ method: 'POST', path, json: { keys }, repeatable: true })) as Keyring
  }

  async removeKeyring(name: string): Promise<void> {
    await this.#transport.json({ method: 'DELETE', path: this.#root + keyringPath(name), repeatable: true })
  }

  async removeKey(name: string, fingerprint: string): Promise<void> {
    const path = `${this.#root}${keyringPath(name)}/keys/${encodeURIComponent(fingerprint)}`
    await this.#transport.json({ method: 'DELETE', path, repeatable: true })
  }

  /** Why an artifact, a file or a path below `pool/` is kept, when it goes, or why it is gone. */
  async why(subject: string): Promise<Why> {
    return (await this.#get('/why', { subject })) as Why
  }

  async #get(path: string, query: Readonly<Record<string, string | number | undefined>> = {}): Promise<unknown> {
    return this.#transport.json({ method: 'GET', path: this.#root + path, query, repeatable: true })
  }

  async #change(
    method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    json: unknown,
    options: ChangeOptions,
  ): Promise<SealedChange> {
    return (await this.#submit(method, path, json, options)) as SealedChange
  }

  async #submit(
    method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    json: unknown,
    options: ChangeOptions,
  ): Promise<unknown> {
    return this.#transport.json({
      method,
      path: this.#root + path,
      ...(json === undefined ? {} : { json }),
      headers: { 'idempotency-key': options.idempotencyKey ?? randomUUID(), ...recordedFor(options) },
      repeatable: true,
      signal: options.signal,
    })
  }

  #fileAddress(artifact: number, path: string): string {
    return `${this.#root}/artifacts/${artifact}/files/${path.split('/').map(encodeURIComponent).join('/')}`
  }
}

function keyringPath(name: string): string {
  return `/keyrings/${encodeURIComponent(name)}`
}

/** A suite's name may hold slashes; in an address it is one segment. */
function suitePath(name: string): string {
  return `/suites/${encodeURIComponent(name)}`
}

function recordedFor({ recordedFor: name }: ChangeOptions): Record<string, string> {
  return name === undefined ? {} : { 'ashlar-recorded-for': name }
}
