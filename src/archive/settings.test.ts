import assert from 'node:assert/strict'
import { it } from 'node:test'
import { refused } from '../../test/support/archive-world.ts'
import { defaultSettings, type SuiteSettingsInput, withSettings } from './settings.ts'

const base = defaultSettings('stable')

it('a suite is called by its name until something else is said', () => {
  assert.equal(base.suite, 'stable')
  assert.equal(base.codename, 'stable')
  assert.deepEqual(base.components, ['main'])
  assert.deepEqual(withSettings(base, {}), base)
})

it('what is given replaces what was, and nothing else', () => {
  assert.deepEqual(withSettings(base, { label: 'Ours' }), { ...base, label: 'Ours' })
})

const good: readonly SuiteSettingsInput[] = [
  { codename: 'trixie' },
  { description: 'Töst, with words: and colons' },
  { label: '' },
  { components: ['main', 'contrib', 'non-free-firmware'] },
  { architectures: [] },
  { notAutomatic: true, butAutomaticUpgrades: true },
  { validUntilDays: 1 },
  { validUntilDays: 3650 },
  { validUntilDays: null },
  { architectureAll: 'separate' },
  { translations: true },
  { pdiffs: 0 },
  { pdiffs: 500 },
  { debugSuite: 'stable-debug' },
]
for (const input of good) {
  it(`${JSON.stringify(input)} is taken`, () => {
    assert.deepEqual(withSettings(base, input), { ...base, ...input })
  })
}

const bad: readonly [SuiteSettingsInput, RegExp][] = [
  [{ description: 'one\nOrigin: two' }, /description/],
  [{ label: 'a\rb' }, /label/],
  [{ debugSuite: '../x' }, /debugSuite/],
  [{ origin: 'a\u2028b' }, /origin/],
  [{ label: 'a\0' }, /label/],
  [{ description: 'x'.repeat(1001) }, /description .*longer/],
  [{ codename: 'two words' }, /codename/],
  [{ codename: '' }, /codename/],
  [{ suite: '' }, /suite/],
  [{ components: [] }, /components/],
  [{ components: ['main', 'main'] }, /components .*twice/],
  [{ components: ['../main'] }, /components/],
  [{ components: ['a/b'] }, /components/],
  [{ components: ['by-hash'] }, /components/],
  [{ architectures: ['all'] }, /architectures/],
  [{ architectures: ['source'] }, /architectures/],
  [{ architectures: ['any-arm64'] }, /architectures/],
  [{ architectures: ['amd64', 'amd64'] }, /architectures .*twice/],
  [{ butAutomaticUpgrades: true }, /butAutomaticUpgrades/],
  [{ validUntilDays: 0 }, /validUntilDays/],
  [{ validUntilDays: 1.5 }, /validUntilDays/],
  [{ validUntilDays: 3651 }, /validUntilDays/],
  [{ pdiffs: -1 }, /pdiffs/],
  [{ pdiffs: 1.5 }, /pdiffs/],
  [{ pdiffs: 501 }, /pdiffs/],
]
for (const [input, detail] of bad) {
  it(`${JSON.stringify(input).slice(0, 60)} is refused by its name`, () => {
    assert.throws(() => withSettings(base, input), refused('suite-setting-invalid', detail))
  })
}
