/** What a creator asks for, checked as far as it can be without looking at what is stored. */
import { isDeepStrictEqual } from 'node:util'
import { parseSha256, type Sha256 } from '../common/digest.ts'
import { AshlarError } from '../common/errors.ts'
import { categoryNamed, checkData, checkFiles, type ArtifactData, type Category } from './categories.ts'
import { pathFault } from './file-path.ts'
import type { Artifact } from './artifact-rows.ts'

export interface ArtifactWish {
  readonly category: string
  readonly data?: ArtifactData
  readonly files: readonly { readonly path: string; readonly size: number; readonly sha256: string }[]
  readonly relations?: readonly { readonly type: string; readonly target: number }[]
  /** The same key and request give the same artifact again. */
  readonly idempotencyKey?: string
  /** How long it stays once it is complete and nothing holds it; null: as its workspace says; 0: for ever. */
  readonly expireAfterSeconds?: number | null
}

/** What a creator may ask for; what was copied the server says itself. */
export type WishedRelation = { readonly type: 'extends' | 'relates-to' | 'built-using'; readonly target: number }

/** What is announced of a file. */
export interface AnnouncedFile {
  readonly path: string
  readonly sizeBytes: number
  readonly sha256: Sha256
}

/** A wish whose parts are good by themselves. */
export interface CheckedWish {
  /** Where it stands in the request, for messages. */
  readonly where: string
  readonly category: Category
  readonly data: ArtifactData
  readonly files: readonly AnnouncedFile[]
  readonly relations: readonly WishedRelation[]
  readonly idempotencyKey: string | null
  readonly expireAfterSeconds: number | null
}

const maximumFiles = 10_000
const maximumRelations = 1000
const maximumKeyLength = 200
const maximumDataBytes = 1 << 20
/** A hundred years: a time that far ahead is still a whole number of microseconds. */
const maximumDelaySeconds = 100 * 366 * 86_400

/** @throws AshlarError request-invalid, category-invalid, too-large */
export function checkWish(wish: ArtifactWish, index: number): CheckedWish {
  const where = `artifacts[${index}]`
  const category = categoryNamed(wish.category)
  const data = wish.data ?? {}
  if (Buffer.byteLength(JSON.stringify(data)) > maximumDataBytes) {
    throw new AshlarError('too-large', `${where}: data has more than ${maximumDataBytes} bytes.`)
  }
  checkData(category, data, where)
  const files = checkedFiles(wish, where)
  checkFiles(
    category,
    files.map((file) => file.path),
    where,
  )
  const key = wish.idempotencyKey ?? null
  if (key !== null && (key === '' || key.length > maximumKeyLength || key.includes('\0'))) {
    throw new AshlarError('request-invalid', `${where}: idempotencyKey has 1 to ${maximumKeyLength} characters.`)
  }
  const delay = wish.expireAfterSeconds ?? null
  if (delay !== null && !(Number.isSafeInteger(delay) && delay >= 0 && delay <= maximumDelaySeconds)) {
    throw new AshlarError('request-invalid', `${where}: expireAfterSeconds is 0 to ${maximumDelaySeconds}, or null.`)
  }
  const relations = checkedRelations(wish, where)
  return { where, category, data, files, relations, idempotencyKey: key, expireAfterSeconds: delay }
}

/** Whether `artifact` is what this wish once made. */
export function isSameRequest(wish: CheckedWish, artifact: Artifact): boolean {
  return (
    artifact.category === wish.category.name &&
    artifact.expireAfterSeconds === wish.expireAfterSeconds &&
    isSameData(wish, artifact.data) &&
    isDeepStrictEqual(
      artifact.files.map((file) => `${file.path} ${file.size} ${file.sha256}`).sort(),
      wish.files.map((file) => `${file.path} ${file.sizeBytes} ${file.sha256}`).sort(),
    ) &&
    isDeepStrictEqual(
      artifact.relations.map((relation) => `${relation.type} ${relation.target}`).sort(),
      wish.relations.map((relation) => `${relation.type} ${relation.target}`).sort(),
    )
  )
}

/** Where the server writes the data, only the claims can be compared. */
function isSameData(wish: CheckedWish, stored: ArtifactData): boolean {
  if (wish.category.dataBy === 'creator') return isDeepStrictEqual(stored, wish.data)
  return Object.entries(wish.data).every(([member, value]) => isDeepStrictEqual(stored[member], value))
}

function checkedFiles(wish: ArtifactWish, where: string): AnnouncedFile[] {
  if (wish.files.length > maximumFiles) {
    throw new AshlarError('too-large', `${where} has ${wish.files.length} files; at most ${maximumFiles} are allowed.`)
  }
  const seen = new Set<string>()
  return wish.files.map((file, index) => {
    const name = `${where}.files[${index}]`
    const fault = pathFault(file.path)
    if (fault !== undefined) throw new AshlarError('request-invalid', `${name}: the path ${fault}.`)
    if (seen.has(file.path)) throw new AshlarError('request-invalid', `${name}: ${file.path} occurs twice.`)
    seen.add(file.path)
    const sha256 = parseSha256(file.sha256)
    if (sha256 === undefined) throw new AshlarError('request-invalid', `${name}: sha256 is not a SHA-256 digest.`)
    if (!Number.isSafeInteger(file.size) || file.size < 0) {
      throw new AshlarError('request-invalid', `${name}: size is not a number of bytes.`)
    }
    return { path: file.path, sizeBytes: file.size, sha256 }
  })
}

function checkedRelations(wish: ArtifactWish, where: string): WishedRelation[] {
  const relations = wish.relations ?? []
  if (relations.length > maximumRelations) {
    throw new AshlarError('too-large', `${where} has more than ${maximumRelations} relations.`)
  }
  const distinct = new Map<string, WishedRelation>()
  for (const { type, target } of relations) {
    if (type !== 'extends' && type !== 'relates-to' && type !== 'built-using') {
      throw new AshlarError('request-invalid', `${where}: there is no relation ${JSON.stringify(type)} to ask for.`)
    }
    distinct.set(`${type} ${target}`, { type, target })
  }
  return [...distinct.values()]
}
