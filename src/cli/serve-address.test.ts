import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { once } from 'node:events'
import { test } from 'node:test'
import { localUrl, parseListenAddress, reserveAddress } from './serve-address.ts'

test('an address is a host and a port, or a port of this machine', () => {
  assert.deepEqual(parseListenAddress('127.0.0.1:8080'), { host: '127.0.0.1', port: 8080 })
  assert.deepEqual(parseListenAddress('[::1]:80'), { host: '::1', port: 80 })
  assert.deepEqual(parseListenAddress('packages.example.org:80'), { host: 'packages.example.org', port: 80 })
  assert.deepEqual(parseListenAddress(':8080'), { host: '0.0.0.0', port: 8080 })
  assert.deepEqual(parseListenAddress('8080'), { host: '127.0.0.1', port: 8080 })
})

test('what is no address is a usage error that shows one', () => {
  for (const text of ['', 'localhost', '127.0.0.1:', '::1:8080', '127.0.0.1:65536', 'http://localhost:8080']) {
    assert.throws(() => parseListenAddress(text), { code: 'usage', message: /127\.0\.0\.1:8080/ }, text)
  }
})

test('a program on this machine reaches a server on all addresses by the loopback one', () => {
  assert.equal(localUrl({ host: '0.0.0.0', port: 80 }, 'http'), 'http://127.0.0.1:80')
  assert.equal(localUrl({ host: '::1', port: 8443 }, 'https'), 'https://[::1]:8443')
})

test('port 0 becomes a port that nobody else gets until it is released', async () => {
  const reserved = await reserveAddress({ host: '127.0.0.1', port: 0 })
  assert.notEqual(reserved.address.port, 0)
  await assert.rejects(reserveAddress(reserved.address), {
    code: 'address-unusable',
    message: new RegExp(`127\\.0\\.0\\.1:${reserved.address.port}: another program listens there`),
  })
  await reserved.release()
  const again = await reserveAddress(reserved.address)
  await again.release()
  const socket = connect(reserved.address.port, '127.0.0.1')
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException]
  assert.equal(error.code, 'ECONNREFUSED')
})
