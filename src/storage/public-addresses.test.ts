import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isPublicAddress } from './public-addresses.ts'

test('addresses of this machine, of private networks and of links are not public', () => {
  const special =
    '127.0.0.1 127.9.9.9 0.0.0.0 10.1.2.3 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 100.64.0.1 224.0.0.1 ' +
    '255.255.255.255 ::1 :: fe80::1 fd00:ec2::254 ff02::1 ::ffff:127.0.0.1 ::ffff:a9fe:a9fe 64:ff9b::10.0.0.1 2002:7f00:1:: ' +
    '::127.0.0.1 ::ffff:0:127.0.0.1 2001:0:7f00:1::'
  for (const address of special.split(' ')) assert.equal(isPublicAddress(address), false, address)
})

test('others are', () => {
  const ordinary =
    '151.101.2.132 8.8.8.8 172.15.0.1 172.32.0.1 192.167.1.1 100.128.0.1 2a04:4e42::644 64:ff9b::8.8.8.8 ::ffff:8.8.8.8'
  for (const address of ordinary.split(' ')) assert.equal(isPublicAddress(address), true, address)
})

test('what is no address is not public', () => {
  for (const text of ['', 'localhost', '127.1', '::zz']) assert.equal(isPublicAddress(text), false, text)
})
