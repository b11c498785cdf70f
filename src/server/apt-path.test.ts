import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aptPath } from './apt-path.ts'

const decoded: [target: string, path: string][] = [
  ['dists/stable/InRelease', 'dists/stable/InRelease'],
  ['pool/main/g/g%2b%2b_1.0%7erc1_amd64.deb', 'pool/main/g/g++_1.0~rc1_amd64.deb'],
  ['pool/main/g/g++_1.0~rc1_amd64.deb', 'pool/main/g/g++_1.0~rc1_amd64.deb'],
  ['pool/a%2525', 'pool/a%25'],
  ['dists/stable/InRelease?x=../..', 'dists/stable/InRelease'],
  ['dists/stable/', 'dists/stable/'],
  ['snapshot/20261123T080127Z/dists/a/Release', 'snapshot/20261123T080127Z/dists/a/Release'],
  ['snapshot/2026-11-23T08%3A01%3A27Z/dists/a/Release', 'snapshot/2026-11-23T08:01:27Z/dists/a/Release'],
  ['pool/..deb', 'pool/..deb'],
]
for (const [target, path] of decoded) {
  test(`${target} names ${path}`, () => assert.equal(aptPath(`/apt/s/w/${target}`), path))
}

const refused = [
  'pool/a%2Fb',
  'pool/a%2fb',
  'pool/a%5Cb',
  'pool/../pool/a',
  'pool/%2e%2e/a',
  'pool/.%2E/a',
  'pool/./a',
  'pool//a',
  'pool/a%00.deb',
  '..',
  'dists/..',
]
for (const target of refused) {
  test(`${target} names nothing`, () => {
    assert.throws(() => aptPath(`/apt/s/w/${target}`), { code: 'not-found' })
  })
}

test('an encoding that is broken is an invalid request', () => {
  for (const target of ['pool/%', 'pool/%2', 'pool/%zz', 'pool/%ff']) {
    assert.throws(() => aptPath(`/apt/s/w/${target}`), { code: 'request-invalid' })
  }
})

test('a target that is a whole URL means its path', () => {
  assert.equal(aptPath('http://packages.example.org:8080/apt/s/w/pool/a%2bb?x'), 'pool/a+b')
  assert.equal(aptPath('HTTPS://packages.example.org/apt/s/w/dists/stable/'), 'dists/stable/')
})
