import assert from 'node:assert/strict'
import { it } from 'node:test'
import { formatDate, renderRelease } from './release.ts'
import { defaultSettings } from './settings.ts'

const facts = {
  settings: defaultSettings('stable'),
  components: ['main', 'main/debug'],
  architectures: ['amd64', 'arm64'],
  dateSeconds: 1795420887,
  validUntilSeconds: undefined,
  snapshots: 'http://host/apt/local/main/snapshot/@SNAPSHOTID@/',
  indexes: [{ path: 'main/source/Sources', sha256: 'ab'.repeat(32), sizeBytes: 17 }],
}

it('says what the suite is, and lists each index with digest and size', () => {
  assert.equal(
    renderRelease(facts),
    [
      'Origin: Ashlar',
      'Label: Ashlar',
      'Suite: stable',
      'Codename: stable',
      'Date: Mon, 23 Nov 2026 08:01:27 UTC',
      'Acquire-By-Hash: yes',
      'Snapshots: http://host/apt/local/main/snapshot/@SNAPSHOTID@/',
      'Architectures: amd64 arm64',
      'Components: main main/debug',
      'SHA256:',
      ` ${'ab'.repeat(32)}       17 main/source/Sources`,
      '',
    ].join('\n'),
  )
})

it('has the other fields where they are set, and leaves out what is empty', () => {
  const settings = {
    ...facts.settings,
    label: '',
    description: 'Words',
    notAutomatic: true,
    butAutomaticUpgrades: true,
  }
  const text = renderRelease({ ...facts, settings, validUntilSeconds: facts.dateSeconds + 86_400 })
  assert.match(text, /^NotAutomatic: yes\nButAutomaticUpgrades: yes$/m)
  assert.match(text, /^Valid-Until: Tue, 24 Nov 2026 08:01:27 UTC$/m)
  assert.match(text, /^Description: Words$/m)
  assert.doesNotMatch(text, /^Label:/m)
})

it('a date has two digits for the day, in UTC', () => {
  assert.equal(formatDate(Date.UTC(2026, 0, 2, 3, 4, 5) / 1000), 'Fri, 02 Jan 2026 03:04:05 UTC')
})
