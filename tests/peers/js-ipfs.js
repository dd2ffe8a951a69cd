// js-ipfs 0.66 without a network, with the RPC API that Kubo has. Adds a file
// in a folder; says where it listens, and the root; ends when its standard input does.
//
// node js-ipfs.js <file> <folder of the repository>
import { createReadStream } from 'node:fs'
import { create } from 'ipfs-core'
import { HttpApi } from 'ipfs-http-server'

const [file, repo] = process.argv.slice(2)
const ipfs = await create({
  repo,
  offline: true,
  silent: true,
  init: { emptyRepo: true, algorithm: 'Ed25519' },
  config: { Addresses: { Swarm: [], API: '/ip4/127.0.0.1/tcp/0', Gateway: '' }, Bootstrap: [] }
})
const root = await ipfs.add({ path: 'file', content: createReadStream(file) }, { cidVersion: 1, rawLeaves: true, wrapWithDirectory: true })
const api = new HttpApi(ipfs)
await api.start()
console.log(JSON.stringify({ url: api._apiServers[0].info.uri, root: root.cid.toString() }))
process.stdin.resume().on('end', () => process.exit(0))
