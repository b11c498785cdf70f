import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseS3Location, parseS3Secret } from './s3-location.ts'

test('a location needs a bucket and a region; the rest has sensible values', () => {
  assert.deepEqual(parseS3Location({ bucket: 'packages', region: 'eu-central-1' }), {
    bucket: 'packages',
    prefix: '',
    region: 'eu-central-1',
    pathStyle: false,
    redirect: false,
  })
})

test('at another server the region may be left out, and the bucket stands in the path', () => {
  assert.deepEqual(parseS3Location({ bucket: 'packages', endpoint: 'https://s3.example.org' }), {
    bucket: 'packages',
    prefix: '',
    region: 'us-east-1',
    endpoint: 'https://s3.example.org/',
    pathStyle: true,
    redirect: false,
  })
})

test('a location that was parsed is parsed to itself', () => {
  const whole = parseS3Location({
    bucket: 'My_old.bucket',
    prefix: 'ashlar/main/',
    region: 'x',
    endpoint: 'http://[::1]:9000/s3/',
    pathStyle: false,
    storageClass: 'STANDARD_IA',
    redirect: true,
    publicEndpoint: 'https://packages.example.org/',
    partBytes: 64 << 20,
  })
  assert.deepEqual(parseS3Location(JSON.parse(JSON.stringify(whole))), whole)
})

test('a location that is wrong is refused, and the member named', () => {
  const good = { bucket: 'packages', region: 'eu-central-1' }
  const wrong: Readonly<Record<string, readonly unknown[]>> = {
    location: [null, 'text', []],
    bucket: [undefined, 7, '', 'a', 'a/b', '-ab', 'a'.repeat(64)],
    region: [undefined, '', 'eu central'],
    prefix: [7, '/a', 'a//b', '../a', 'a/./', 'a\nb', 'a\\b', 'ü'.repeat(257)],
    endpoint: ['', 's3.example.org', 'ftp://a', 'https://user:word@a', 'https://a/?b', 'https://a/#b', 7],
    publicEndpoint: ['a'],
    pathStyle: ['yes', null],
    redirect: [1],
    storageClass: ['', 'a b'],
    partBytes: [5 << 19, 5.5, '16777216', Infinity],
    other: [true],
  }
  for (const [member, values] of Object.entries(wrong)) {
    for (const value of values) {
      const location = member === 'location' ? value : { ...good, [member]: value }
      assert.throws(
        () => parseS3Location(location),
        { code: 'request-invalid', message: new RegExp(`\\b${member}\\b`) },
        `${member}: ${JSON.stringify(value)}`,
      )
    }
  }
})

test('a secret is refused without being repeated', () => {
  assert.deepEqual(parseS3Secret({ accessKeyId: 'a', secretAccessKey: 'b' }), {
    accessKeyId: 'a',
    secretAccessKey: 'b',
  })
  for (const wrong of [{}, { accessKeyId: 'a' }, { accessKeyId: 'a', secretAccessKey: 'hush hush' }, { word: 'a' }]) {
    assert.throws(
      () => parseS3Secret(wrong),
      (error) =>
        error instanceof Error && 'code' in error && error.code === 'request-invalid' && !/hush/.test(error.message),
    )
  }
})
