/** Whether the packages of an upload are what its .changes says of them. */
import type { Artifacts } from '../artifact/artifacts.ts'
import type { Changes } from '../debian/changes-file.ts'
import { canonicalDebName } from '../debian/names.ts'
import type { StoredFile } from '../storage/storage.ts'
import type { UploadedFile } from './find-files.ts'
import type { Findings } from './finding.ts'
import type { Submission } from './submission.ts'

export interface JudgedPackage {
  /** The .deb or .dsc. */
  readonly file: string
  readonly kind: 'binary' | 'source'
  readonly name: string
  readonly version: string
  /** `source` for a source package. */
  readonly architecture: string
  /** All of its files, by their names. */
  readonly files: ReadonlyMap<string, StoredFile>
}

interface Upload {
  readonly changes: Changes
  readonly found: ReadonlyMap<string, UploadedFile>
  readonly findings: Findings
}

const isBinary = (name: string): boolean => /\.(?:deb|udeb|ddeb)$/.test(name)

/** The packages that agree with the .changes; what is wrong with the others is found. */
export async function judgePackages(
  artifacts: Artifacts,
  submission: Submission,
  upload: Upload,
): Promise<JudgedPackage[]> {
  const packages: JudgedPackage[] = []
  for (const [name, { file, listed }] of upload.found) {
    try {
      if (isBinary(name)) packages.push(...(await judgeBinary(artifacts, submission, upload, { name, file })))
      else if (name.endsWith('.dsc'))
        packages.push(...(await judgeSource(artifacts, submission, upload, { name, file })))
      else upload.findings.good(listed.name, 'It is there.')
    } catch (error) {
      upload.findings.refuse(name, error)
    }
  }
  if (!upload.changes.files.some(({ name }) => isBinary(name) || name.endsWith('.dsc'))) {
    upload.findings.bad(submission.name, 'It lists no package, so there is nothing to publish.')
  }
  return packages
}

interface Named {
  readonly name: string
  readonly file: StoredFile
}

async function judgeBinary(
  artifacts: Artifacts,
  { workspace, name: changesName }: Submission,
  { changes, findings }: Upload,
  { name: fileName, file }: Named,
): Promise<JudgedPackage[]> {
  const reading = await artifacts.examine(workspace, { path: fileName, file })
  if (reading.kind !== 'binary' || reading.package.kind === 'dsc')
    throw new Error(`${fileName} was not read as a binary package`)
  const { name, version, architecture, sourceName, sourceVersion, kind } = reading.package
  const wrong = differences([
    ['source', sourceName, changes.sourceName],
    ['source version', sourceVersion, changes.sourceVersion],
    ['file name', canonicalDebName(name, version, architecture, kind), fileName.replace(/\.ddeb$/, '.deb')],
  ])
  if (!changes.architectures.includes(architecture)) {
    wrong.push(`it is for ${architecture}, which the Architecture of ${changesName} does not have`)
  }
  if (wrong.length > 0) {
    findings.bad(fileName, `It does not agree with ${changesName}: ${wrong.join('; ')}.`)
    return []
  }
  findings.good(fileName, `It is ${name} ${version} (${architecture}).`)
  return [{ file: fileName, kind: 'binary', name, version, architecture, files: new Map([[fileName, file]]) }]
}

async function judgeSource(
  artifacts: Artifacts,
  submission: Submission,
  { changes, found, findings }: Upload,
  { name: fileName, file }: Named,
): Promise<JudgedPackage[]> {
  const reading = await artifacts.examine(submission.workspace, { path: fileName, file })
  if (reading.kind !== 'source') throw new Error(`${fileName} was not read as a source package`)
  const { name, version } = reading.package
  const wrong = differences([
    ['source', name, changes.sourceName],
    ['version', version, changes.version],
  ])
  if (wrong.length > 0) {
    findings.bad(fileName, `It does not agree with ${submission.name}: ${wrong.join('; ')}.`)
    return []
  }
  const files = new Map([[fileName, file]])
  const before = findings.all.length
  for (const listed of reading.listed) {
    const uploaded = changes.files.find((each) => each.name === listed.name)
    if (uploaded !== undefined) {
      if (uploaded.sha256 !== listed.sha256 || uploaded.size !== listed.size) {
        findings.bad(listed.name, `${fileName} and ${submission.name} list it with different checksums.`)
      }
      const sent = found.get(listed.name)
      if (sent !== undefined) files.set(listed.name, sent.file)
      continue
    }
    const known = await submission.pool(name, listed)
    if (known === undefined || known.sizeBytes !== listed.size) {
      const where = `neither ${submission.name} lists it nor the archive has it`
      findings.bad(listed.name, `${fileName} needs it, but ${where}; build with -sa to include it.`)
    } else {
      files.set(listed.name, known)
      findings.good(listed.name, 'The archive has it already.')
    }
  }
  if (findings.all.slice(before).some((finding) => !finding.good)) return []
  findings.good(fileName, `It is the source of ${name} ${version}.`)
  return [{ file: fileName, kind: 'source', name, version, architecture: 'source', files }]
}

function differences(pairs: readonly (readonly [string, string, string])[]): string[] {
  return pairs.flatMap(([what, is, shouldBe]) => (is === shouldBe ? [] : [`its ${what} is ${is}, not ${shouldBe}`]))
}
