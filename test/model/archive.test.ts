/**
 * Archives against a naive model: whatever is done to them, every index of every revision is, byte for byte, what one
 * would write down from the members of that revision, and its chunks are those that the text is cut into from scratch.
 *
 * ASHLAR_TEST_SEED repeats a run, ASHLAR_TEST_RUNS sets how many histories are tried.
 */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { xz } from '@napi-rs/lzma'
import * as fc from 'fast-check'
import type { Workspace } from '../../src/access/access.ts'
import type { ChangeRequest, SealedBatch, SealedChange } from '../../src/archive/archives.ts'
import { cut } from '../../src/archive/chunking.ts'
import { unpackIds } from '../../src/archive/chunk-table.ts'
import { entryKey, keyHash } from '../../src/archive/entry-key.ts'
import { AshlarError } from '../../src/common/errors.ts'
import { versionKey } from '../../src/debian/version.ts'
import { type ArchiveWorld, archiveWorld, listedIn, servedBytes, sha256Of } from '../support/archive-world.ts'
import { forEachDialect } from '../support/databases.ts'
import {
  apply,
  emptyState,
  entryText,
  indexTexts,
  inOrder,
  layout,
  rawTexts,
  translationsOf,
  type NaiveState,
  type Past,
} from './naive-archive.ts'
import { patched, pdiffsOf } from '../support/pdiff-client.ts'
import { contentsOf } from './naive-contents.ts'
import { requestsOf, type Wish, wishes } from './requests.ts'
import { type ModelPackage, universe } from './universe.ts'

const seed = Number(process.env['ASHLAR_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const runs = process.env['ASHLAR_TEST_RUNS']

forEachDialect((dialect, open) => {
  it('every revision is what a naive archive would publish', async (t) => {
    t.diagnostic(`ASHLAR_TEST_SEED=${seed}`)
    await using world = await archiveWorld(open)
    const packages = await universe(world)
    await fc.assert(
      fc.asyncProperty(wishes, async (history) => {
        const play = new Play(world, await world.emptyWorkspace(), packages)
        await play.all(history)
        await play.verify()
      }),
      { seed, numRuns: Number(runs ?? (dialect === 'sqlite' ? 6 : 2)), endOnFailure: true },
    )
    assert.deepEqual(world.errors, [])
  })
})

type Answer = SealedChange | SealedBatch | AshlarError

/** One history, played to the archive and to the model. */
class Play {
  readonly #world: ArchiveWorld
  readonly #workspace: Workspace
  readonly #packages: readonly ModelPackage[]
  /** By revision. */
  readonly #states: NaiveState[] = [emptyState]
  readonly #past: Past
  /** The decompressed text of every index that was read, by the digest of its bytes. */
  readonly #texts = new Map<string, string>()
  /** Digests of the indexes of patches that were looked at. */
  readonly #patched = new Set<string>()

  constructor(world: ArchiveWorld, workspace: Workspace, packages: readonly ModelPackage[]) {
    this.#world = world
    this.#workspace = workspace
    this.#packages = packages
    this.#past = { packages: new Map(packages.map((one) => [one.id, one])), states: this.#states }
  }

  get #head(): number {
    return this.#states.length - 1
  }

  get #state(): NaiveState {
    return this.#states.at(-1) ?? emptyState
  }

  async all(history: readonly Wish[]): Promise<void> {
    await this.#one({
      kind: 'suite-create',
      suite: 'stable',
      settings: { components: ['main', 'contrib'], contents: true, pdiffs: 4 },
    })
    await this.#one({
      kind: 'suite-create',
      suite: 'testing',
      settings: { versions: 'newest', translations: true, pdiffs: 3 },
      aliases: ['next'],
    })
    // So much that patches are shorter than the index; the universe begins with packages that go together.
    const furniture = this.#packages.slice(0, 18).map(({ id }) => ({ packageId: id }))
    await this.#one({ kind: 'add', suite: 'stable', packages: furniture })
    for (const wish of history) {
      const requests = requestsOf(wish, this.#state, this.#packages, this.#head)
      if (requests.length === 1 && requests[0] !== undefined) await this.#one(requests[0])
      else await this.#together(requests)
      await this.#verifyLive()
    }
  }

  #submit(request: ChangeRequest): Promise<Answer> {
    const { archives } = this.#world
    const answer: Promise<Answer> =
      request.kind === 'batch'
        ? archives.submitBatch(this.#workspace, request.steps, { userId: null })
        : archives.submit(this.#workspace, request, { userId: null })
    return answer.catch((error: unknown) => {
      if (error instanceof AshlarError) return error
      throw error
    })
  }

  async #one(request: ChangeRequest): Promise<void> {
    this.#take(request, await this.#submit(request))
  }

  async #together(requests: readonly ChangeRequest[]): Promise<void> {
    const answers = await Promise.all(
      requests.map(async (request) => ({ request, answer: await this.#submit(request) })),
    )
    const place = (answer: Answer): [number, number] =>
      'revision' in answer ? [answer.revision, answer.change] : [0, 0]
    answers.sort((a, b) => {
      const [left, right] = [place(a.answer), place(b.answer)]
      return left[0] - right[0] || left[1] - right[1]
    })
    for (const { request, answer } of answers) this.#take(request, answer)
  }

  #take(request: ChangeRequest, answer: Answer): void {
    const what = JSON.stringify(request)
    const expected = apply(this.#past, this.#state, request)
    if (answer instanceof AshlarError) {
      const { step } = answer.extra
      assert.ok('code' in expected, `${what} was refused: ${answer.message}`)
      // Of a batch with several steps that cannot be, one that never can is found before one that cannot now.
      if (request.kind === 'batch' && step !== expected.step) assert.ok(Number(step) > Number(expected.step), what)
      else assert.equal(answer.code, expected.code, `${what} was refused: ${answer.message}`)
      return
    }
    if ('code' in expected) return assert.fail(`${what} should have been refused as ${expected.code}`)
    if ('steps' in answer) {
      for (const { revision } of answer.steps) assert.equal(revision, answer.revision, what)
      assert.equal(answer.steps.length, request.kind === 'batch' ? request.steps.length : 0)
    }
    if (answer.revision === this.#head + 1) {
      this.#states.push(expected)
    } else {
      assert.equal(answer.revision, this.#head, what)
      // Several changes sealed together, or one that changed nothing but what the pool means.
      this.#states[this.#head] = expected
    }
  }

  async #bytes(path: string): Promise<Buffer> {
    const served = await this.#world.archives.resolve(this.#workspace, path)
    return servedBytes(this.#world, served, this.#workspace)
  }

  async #verifyLive(): Promise<void> {
    for (const name of [...this.#state.suites.keys(), ...this.#state.aliases.keys()]) {
      await this.#verifySuite(name, this.#head, 'dists')
    }
  }

  async verify(): Promise<void> {
    for (const revision of this.#states.keys()) {
      if (revision === 0) continue
      const state = this.#states[revision] ?? emptyState
      for (const name of state.suites.keys()) {
        await this.#verifySuite(name, revision, `snapshot/r${revision}/dists`)
        await this.#verifyChunks(name, revision)
        await this.#verifyListing(name, revision)
      }
      await this.#verifyPack(revision)
    }
    for (const [path, sha256] of this.#state.pool) {
      assert.equal(sha256Of(await this.#bytes(path)), sha256, path)
    }
  }

  /** The Release lists each index in each form with its digest and size, and each is the text of the model. */
  async #verifySuite(name: string, revision: number, below: string): Promise<void> {
    const state = this.#states[revision] ?? emptyState
    const suite = state.suites.get(state.aliases.get(name) ?? name)
    if (suite === undefined) return assert.fail(`The model has no ${name} at r${revision}`)
    const release = (await this.#bytes(`${below}/${name}/Release`)).toString()
    const listed = listedIn(release)
    const expected = indexTexts(suite)
    const raw = rawTexts(suite)
    const inForms = [...expected.keys()].flatMap((path) => ['', '.gz', '.xz', '.zst'].map((ending) => path + ending))
    for (const { path, lines } of contentsOf(suite)) {
      expected.set(path, lines.map((line) => line.text).join(''))
      inForms.push(path, `${path}.gz`)
    }
    for (const [path, { sha256 }] of listed) {
      if (!path.endsWith('.diff/Index')) continue
      listed.delete(path)
      if (this.#patched.has(sha256)) continue
      this.#patched.add(sha256)
      const index = path.slice(0, -'.diff/Index'.length)
      await this.#verifyPatches(`${below}/${name}`, index, suite.settings.pdiffs, expected.get(index) ?? '')
    }
    assert.deepEqual(
      [...listed.keys()].toSorted(),
      [...inForms, ...raw.keys()].toSorted(),
      `what the Release of ${name} lists at r${revision}`,
    )
    const has = (field: string, value: string): void =>
      assert.equal(new RegExp(`^${field}: (.*)$`, 'm').exec(release)?.[1] ?? '', value)
    const hasDebug = (component: string): boolean =>
      suite.items.some((item) => item.component === component && item.map === 'debug')
    const { components, architectures } = layout(suite)
    assert.deepEqual(
      new Set(/^Components: (.*)$/m.exec(release)?.[1]?.split(' ')),
      new Set([...components, ...components.filter(hasDebug).map((component) => `${component}/debug`)]),
    )
    assert.deepEqual(new Set(/^Architectures: (.*)$/m.exec(release)?.[1]?.split(' ')), new Set(architectures))
    has('Label', suite.settings.label)
    has('No-Support-for-Architecture-all', suite.settings.architectureAll === 'separate' ? 'Packages' : '')
    assert.equal(release.includes('\nValid-Until: '), below === 'dists' && suite.settings.validUntilDays !== null)

    for (const [path, { sha256, sizeBytes }] of listed) {
      const where = `${below}/${name}/${path}`
      const served = await this.#world.archives.resolve(this.#workspace, where)
      assert.ok(served.kind === 'pieces')
      assert.equal(served.etag, sha256, where)
      assert.equal(served.sizeBytes, sizeBytes, where)
      const text = raw.get(path) ?? expected.get(path.replace(/\.(?:gz|xz|zst)$/, '')) ?? ''
      if (this.#texts.get(sha256) === undefined) {
        const bytes = await servedBytes(this.#world, served, this.#workspace)
        assert.equal(bytes.length, sizeBytes, where)
        assert.equal(sha256Of(bytes), sha256, where)
        this.#texts.set(sha256, unpacked(path, bytes))
      }
      assert.ok(this.#texts.get(sha256) === text, `${where} has another text`)
      const byHash = `dists/${name}/main/by-hash/SHA256/${sha256}`
      if (below !== 'dists') continue
      const again = await this.#world.archives.resolve(this.#workspace, byHash)
      assert.ok(again.kind === 'pieces' && again.etag === sha256, byHash)
    }
  }

  /** Who has the oldest state to which the patches reach back makes the newest one of it. */
  async #verifyPatches(below: string, index: string, most: number, text: string): Promise<void> {
    const read = (path: string): Promise<Buffer> => this.#bytes(`${below}/${path}`)
    const patches = await pdiffsOf(read, index)
    assert.ok(patches.length > 0 && patches.length <= most, `${patches.length} patches of ${below}/${index}`)
    const old = this.#texts.get(patches[0]?.before.sha256 ?? '')
    // Of several revisions that were sealed at once, the states are read only in the end.
    if (old === undefined) return assert.ok(below.startsWith('dists/'), `${below}/${index}`)
    assert.equal((await patched(read, index, Buffer.from(old)))?.toString(), text, `${below}/${index}`)
  }

  /** Chunks that grew by changes are those that the same entries are cut into at once. */
  async #verifyChunks(name: string, revision: number): Promise<void> {
    const suite = this.#states[revision]?.suites.get(name)
    const maps = await this.#world.db.read
      .selectFrom('suite_map')
      .innerJoin('suite', 'suite.id', 'suite_map.suite_id')
      .innerJoin('archive', 'archive.id', 'suite.archive_id')
      .innerJoin('index_map', 'index_map.id', 'suite_map.map_id')
      .select(['component', 'map_kind', 'architecture', 'chunks', 'entries', 'text_size'])
      .where('archive.workspace_id', '=', this.#workspace.id)
      .where('suite.name', '=', name)
      .where('from_revision', '<=', revision)
      .where((eb) => eb.or([eb('until_revision', 'is', null), eb('until_revision', '>', revision)]))
      .execute()
    let entries = 0
    const contents = suite === undefined ? [] : contentsOf(suite)
    for (const map of maps) {
      if (map.map_kind.startsWith('contents')) {
        const place = [map.component, map.map_kind, map.architecture].join(' ')
        const lines =
          contents.find((one) => [one.component, one.kind, one.architecture].join(' ') === place)?.lines ?? []
        const atoms = lines.map(({ key, text }) => ({ hash: keyHash(key), bytes: text.length, text }))
        assert.deepEqual(await this.#chunkDigests(unpackIds(map.chunks)), digestsOf(cut(atoms)), place)
        assert.equal(map.entries, lines.length)
        continue
      }
      if (map.map_kind === 'translations') {
        const texts = suite === undefined ? [] : translationsOf(suite, map.component)
        const atoms = texts.map(({ key, text }) => ({ hash: keyHash(key), bytes: Buffer.byteLength(text), text }))
        assert.deepEqual(await this.#chunkDigests(unpackIds(map.chunks)), digestsOf(cut(atoms)), map.component)
        assert.equal(map.entries, texts.length)
        continue
      }
      const items = (suite?.items ?? [])
        .filter((item) => item.component === map.component && item.map === map.map_kind)
        .filter((item) => item.pkg.architecture === map.architecture)
        .toSorted(inOrder)
      const atoms = items.map((item) => {
        const text = entryText(item, suite?.settings ?? { translations: false })
        const key = entryKey(item.pkg.source, item.pkg.name, versionKey(item.pkg.version))
        return { hash: keyHash(key), bytes: Buffer.byteLength(text), text }
      })
      assert.deepEqual(await this.#chunkDigests(unpackIds(map.chunks)), digestsOf(cut(atoms)))
      assert.equal(map.entries, items.length)
      assert.equal(
        map.text_size,
        atoms.reduce((sum, atom) => sum + atom.bytes, 0),
      )
      entries += items.length
    }
    assert.equal(entries, suite?.items.length)
  }

  async #chunkDigests(ids: readonly number[]): Promise<(string | undefined)[]> {
    if (ids.length === 0) return []
    const rows = await this.#world.db.read
      .selectFrom('chunk')
      .selectAll()
      .where('id', 'in', [...ids])
      .execute()
    return ids.map((id) => rows.find((row) => row.id === id)?.text_sha256)
  }

  /** A pack holds exactly the chunks and raw indexes that were new with its revision. */
  async #verifyPack(revision: number): Promise<void> {
    const pack = await this.#world.db.read
      .selectFrom('revision')
      .innerJoin('archive', 'archive.id', 'revision.archive_id')
      .leftJoin('file', 'file.id', 'revision.pack_file_id')
      .select(['archive.id', 'file.id as fileId', 'file.size'])
      .where('archive.workspace_id', '=', this.#workspace.id)
      .where('revision.number', '=', revision)
      .executeTakeFirstOrThrow()
    if (pack.fileId === null) return
    const chunks = await this.#world.db.read
      .selectFrom('chunk')
      .selectAll()
      .where('archive_id', '=', pack.id)
      .where('pack_file_id', '=', pack.fileId)
      .execute()
    const raw = await this.#world.db.read
      .selectFrom('index_file')
      .select(['file_offset', 'size'])
      .distinct()
      .where('archive_id', '=', pack.id)
      .where('file_id', '=', pack.fileId)
      .execute()
    const packed = chunks.reduce((sum, chunk) => sum + chunk.xz_size + chunk.gz_size + chunk.zst_size, 0)
    assert.equal(packed + raw.reduce((sum, index) => sum + index.size, 0), pack.size)
    assert.ok(chunks.length + raw.length > 0)
  }

  /** The listings for people tell the same. */
  async #verifyListing(name: string, revision: number): Promise<void> {
    const suite = this.#states[revision]?.suites.get(name)
    const line = (item: { name: string; version: string; architecture: string; component: string }): string =>
      `${item.component} ${item.architecture} ${item.name} ${item.version}`
    const expected = (suite?.items ?? []).map(({ pkg, component }) => line({ ...pkg, component })).toSorted()
    const at = revision === this.#head && revision % 2 === 0 ? undefined : `r${revision}`
    const found: string[] = []
    let after: string | undefined
    do {
      const page = await this.#world.archives.packages(this.#workspace, { suite: name, at }, { after, limit: 7 })
      found.push(...page.items.map(line))
      after = page.next
    } while (after !== undefined)
    assert.deepEqual(found.toSorted(), expected)
    const info = await this.#world.archives.suite(this.#workspace, name, at)
    assert.equal(info.packages, expected.length)
  }
}

function unpacked(path: string, bytes: Buffer): string {
  if (path.endsWith('.gz')) return gunzipSync(bytes).toString()
  if (path.endsWith('.zst')) return zstdDecompressSync(bytes).toString()
  return (path.endsWith('.xz') ? xz.decompressSync(bytes) : bytes).toString()
}

function digestsOf(chunks: readonly (readonly { readonly text: string }[])[]): string[] {
  return chunks.map((chunk) => sha256Of(Buffer.from(chunk.map((atom) => atom.text).join(''))))
}
