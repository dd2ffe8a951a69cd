// Fetches files of a folder from one trustless gateway with Helia, once block
// by block and once out of the folder's CAR, and says what each holds. The
// files' paths come as a list in JSON on standard input.
//
// node fetch-from-gateway.js http://127.0.0.1:8081 <cid> < paths.json
import { createHash } from 'node:crypto'
import { json } from 'node:stream/consumers'
import { car } from '@helia/car'
import { fallbackRouter } from '@helia/fallback-router'
import { withHTTP } from '@helia/http'
import { unixfs } from '@helia/unixfs'
import { CarReader } from '@ipld/car'
import { createHeliaLight } from 'helia'
import { CID } from 'multiformats/cid'

const [gateway, root] = process.argv.slice(2)
const paths = await json(process.stdin)
const signal = AbortSignal.timeout(120_000)

/** The SHA-256 of each file's bytes, by path. */
async function hashes (helia, options) {
  const found = {}
  for (const path of paths) {
    const hash = createHash('sha256')
    for await (const chunk of unixfs(helia).cat(CID.parse(root), { ...options, path, signal })) hash.update(chunk)
    found[path] = hash.digest('hex')
  }
  return found
}

// Helia 7 waits for ever for its other routers before it asks a fallback one,
// if there is none: so this one is no fallback.
const router = fallbackRouter({ gateways: [gateway] })
router.capabilities = () => []
const online = withHTTP(createHeliaLight(), {
  // No router and no gateway of its own: else it would ask public ones.
  delegatedRouters: [],
  recursiveGateways: [],
  allowInsecure: true,
  allowLocal: true
})
online.addRouter(router)
await online.start()
const blocks = await hashes(online, {})
await online.stop()

const alone = await createHeliaLight().start()
const response = await fetch(`${gateway}/ipfs/${root}?format=car`, { signal })
if (!response.ok) throw new Error(await response.text())
await car(alone).import(await CarReader.fromIterable(response.body), { signal })
const fromCar = await hashes(alone, { offline: true })
await alone.stop()

console.log(JSON.stringify({ blocks, car: fromCar }))
process.exit(0)
