// Makes IPNS records with Helia and serves them as a delegated routing service
// and as a trustless gateway do. Says where, and the records; ends when its
// standard input does.
//
// node ipns-serve.js
import { createServer } from 'node:http'
import { IPNSEntry, createIPNSRecord, ipns } from '@helia/ipns'
import { ecdsaCrypto, ed25519Crypto, rsaCrypto } from '@ipshipyard/crypto'
import { createHeliaLight } from 'helia'
import { base36 } from 'multiformats/bases/base36'
import { CID } from 'multiformats/cid'
import { identity } from 'multiformats/hashes/identity'
import { sha256 } from 'multiformats/hashes/sha2'

const YEARS = 100 * 365 * 24 * 3600 * 1000
const CONTENT = CID.createV1(0x55, identity.digest(new TextEncoder().encode('published by Helia')))
const TYPE = 'application/vnd.ipfs.ipns-record'
const records = []

function keep (what, name, entry) {
  const record = Buffer.from(IPNSEntry.encode(entry)).toString('base64')
  records.push({ what, name: name.toString(base36), record })
}

// As an application would: Helia keeps the key, and counts.
const helia = await createHeliaLight().start()
const names = ipns(helia)
for (const what of ['published', 'published again']) {
  const { publicKey, record } = await names.publish('key', CONTENT, { lifetime: YEARS, offline: true })
  keep(what, publicKey.toCID(), record)
}

const ed25519 = await ed25519Crypto().generatePrivateKey()
const rsa = await rsaCrypto().generatePrivateKey()
const ecdsa = await ecdsaCrypto().generatePrivateKey()
const made = [
  ['ed25519', ed25519, CONTENT, 7],
  ['ed25519, version 2 only', ed25519, `/ipfs/${CONTENT}/a/b`, 8, { v1Compatible: false, ttlNs: 60_000_000_000n }],
  ['ed25519, more data', ed25519, CONTENT, 9, { data: { _more: { nested: [1, 'two', CONTENT] } } }],
  ['rsa', rsa, CONTENT, 1],
  ['another name', await ed25519Crypto().generatePrivateKey(), ed25519.publicKey, 3]
]
for (const [what, key, value, sequence, options] of made) {
  keep(what, key.publicKey.toCID(), await createIPNSRecord(key, value, sequence, YEARS, options))
}
// Helia puts whole ECDSA keys into names, which are longer than names may be: the first one is a hash.
const name = CID.createV1(0x72, await sha256.digest(ecdsa.publicKey.toProtobuf()))
keep('ecdsa', name, { ...await createIPNSRecord(ecdsa, CONTENT, 1, YEARS), publicKey: ecdsa.publicKey.toProtobuf() })
keep('ecdsa, whole in its name', ecdsa.publicKey.toCID(), await createIPNSRecord(ecdsa, CONTENT, 1, YEARS))
const old = await ed25519Crypto().generatePrivateKey()
keep('expired', old.publicKey.toCID(), await createIPNSRecord(old, CONTENT, 1, 1000, { now: Date.UTC(2024, 0, 1) }))

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://localhost')
  const name = /^\/(?:routing\/v1\/)?ipns\/([^/]+)$/.exec(pathname)?.[1]
  // The last record of a name is its newest.
  const found = records.findLast(record => record.name === name)
  if (found == null || request.headers.accept !== TYPE) {
    response.writeHead(404).end()
    return
  }
  response.writeHead(200, { 'content-type': TYPE, 'cache-control': 'max-age=60' })
  response.end(Buffer.from(found.record, 'base64'))
})
server.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ url: `http://127.0.0.1:${server.address().port}`, records }))
})
process.stdin.resume().on('end', () => process.exit(0))
