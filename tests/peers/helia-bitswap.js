// Adds a file to Helia and serves its blocks over bitswap, by libp2p on TCP.
// Says where, and the root; ends when its standard input does.
//
// node helia-bitswap.js <file>
import { createReadStream } from 'node:fs'
import { withBitswap } from '@helia/bitswap'
import { withLibp2pLight } from '@helia/libp2p'
import { unixfs } from '@helia/unixfs'
import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createHeliaLight } from 'helia'

// Nobody else is known to it: no bootstrap, no DHT, no relay, no HTTP.
const helia = withBitswap(withLibp2pLight(createHeliaLight(), {
  addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  services: { identify: identify() }
}))
await helia.start()
const content = createReadStream(process.argv[2])
const folder = await unixfs(helia).addFile({ path: 'file', content }, { wrapWithDirectory: true })
console.log(JSON.stringify({ url: helia.libp2p.getMultiaddrs()[0].toString(), root: folder.toString() }))
process.stdin.resume().on('end', () => process.exit(0))
