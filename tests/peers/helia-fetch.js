// Fetches a file by its CID from one trustless gateway with Helia, which
// verifies each block itself, and says what came.
//
// node helia-fetch.js http://127.0.0.1:8081 <cid> [path]
import { createHash } from 'node:crypto'
import { fallbackRouter } from '@helia/fallback-router'
import { withHTTP } from '@helia/http'
import { unixfs } from '@helia/unixfs'
import { createHeliaLight } from 'helia'
import { CID } from 'multiformats/cid'

const [gateway, cid, path] = process.argv.slice(2)
// Helia 7 waits for ever for its other routers before it asks a fallback one,
// if there is none: so this one is no fallback.
const router = fallbackRouter({ gateways: [gateway] })
router.capabilities = () => []
const helia = withHTTP(createHeliaLight(), {
  // No router and no gateway of its own: else it would ask public ones.
  delegatedRouters: [],
  recursiveGateways: [],
  allowInsecure: true,
  allowLocal: true
})
helia.addRouter(router)
await helia.start()

const hash = createHash('sha256')
let bytes = 0
for await (const chunk of unixfs(helia).cat(CID.parse(cid), { path, signal: AbortSignal.timeout(60_000) })) {
  hash.update(chunk)
  bytes += chunk.byteLength
}
console.log(JSON.stringify({ bytes, sha256: hash.digest('hex') }))
await helia.stop()
process.exit(0)
