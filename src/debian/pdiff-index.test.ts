import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import { parseSha256 } from '../common/digest.ts'
import { type FileDigest, parsePdiffIndex, pdiffName, pdiffSeconds, renderPdiffIndex } from './pdiff-index.ts'

function of(text: string, sizeBytes: number): FileDigest {
  return { sha256: parseSha256(hash('sha256', text)) ?? assert.fail(), sizeBytes }
}

const patches = ['2026-11-23-0801.27', '2026-11-24-2359.59'].map((name) => ({
  name,
  before: of(`before ${name}`, 50_123_456),
  script: of(`script ${name}`, 917),
  download: of(`download ${name}`, 301),
}))

test('an index has a line for each patch in each list, the oldest first', () => {
  const current = of('current', 50_123_999)
  assert.equal(
    renderPdiffIndex({ current, patches }),
    `SHA256-Current: ${current.sha256} 50123999
SHA256-History:
 ${hash('sha256', 'before 2026-11-23-0801.27')} 50123456 2026-11-23-0801.27
 ${hash('sha256', 'before 2026-11-24-2359.59')} 50123456 2026-11-24-2359.59
SHA256-Patches:
 ${hash('sha256', 'script 2026-11-23-0801.27')}     917 2026-11-23-0801.27
 ${hash('sha256', 'script 2026-11-24-2359.59')}     917 2026-11-24-2359.59
SHA256-Download:
 ${hash('sha256', 'download 2026-11-23-0801.27')}     301 2026-11-23-0801.27.gz
 ${hash('sha256', 'download 2026-11-24-2359.59')}     301 2026-11-24-2359.59.gz
`,
  )
})

test('what is rendered is read back', () => {
  for (const count of [0, 1, 2]) {
    const index = { current: of('current', 7), patches: patches.slice(0, count) }
    assert.deepEqual(parsePdiffIndex(renderPdiffIndex(index)), index)
  }
})

test('an index whose lists disagree or are not lists is refused', () => {
  const good = renderPdiffIndex({ current: of('current', 7), patches })
  const bad = {
    'SHA256-Current': good.replace(/SHA256-Current: \w+/, 'SHA256-Current: 00'),
    'SHA256-Patches': good.replace(/ \w+ +917 2026-11-23-0801.27\n/, ''),
    'SHA256-Download': good.replace('2026-11-23-0801.27.gz', '2026-11-23-0801.27.xz'),
    'SHA256-History': good.replace('50123456 2026', 'many 2026'),
  }
  for (const [field, text] of Object.entries(bad)) {
    assert.throws(() => parsePdiffIndex(text), { code: 'control-invalid', message: new RegExp(field) }, field)
  }
})

test('a patch has its name after a time, as dak names them', () => {
  assert.equal(pdiffName(Date.UTC(2026, 10, 23, 8, 1, 27) / 1000), '2026-11-23-0801.27')
  assert.equal(pdiffSeconds('2026-11-23-0801.27'), Date.UTC(2026, 10, 23, 8, 1, 27) / 1000)
  for (const name of ['Index', '2026-13-23-0801.27', '2026-11-23-0801.27.gz'])
    assert.equal(pdiffSeconds(name), undefined)
})
