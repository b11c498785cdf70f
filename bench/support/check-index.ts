/** What dose-debcheck does with one index, by Ashlar's own means: `node check-index.ts PACKAGES [list]`. */
import { createReadStream } from 'node:fs'
import { readParagraphs } from '../../src/debian/deb822.ts'
import { checkInstallability } from '../../src/debian/installability.ts'
import { packageFacts } from '../../src/debian/package-facts.ts'
import { PackageLedger } from '../../src/debian/package-ledger.ts'
import { paragraphSubject } from '../../src/debian/package-query-subject.ts'
import { PackageUniverse } from '../../src/debian/package-universe.ts'

const [, , file = ''] = process.argv
const ledger = new PackageLedger()
const numbers: number[] = []
for await (const entry of readParagraphs(createReadStream(file))) {
  numbers.push(ledger.add(packageFacts(paragraphSubject(entry, 'deb'))))
}
const universe = new PackageUniverse(ledger, numbers, 'amd64')
for (const { member, verdict } of checkInstallability(universe).verdicts) {
  const { name, version, architecture } = universe.reference(member)
  process.stdout.write(`${name} ${version} ${architecture} ${verdict}\n`)
}
