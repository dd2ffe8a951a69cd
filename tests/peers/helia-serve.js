// Adds a file to Helia and serves its blocks as a trustless gateway does: raw
// blocks and CARs. Says where, and the root; ends when its standard input does.
//
// node helia-serve.js <file>
import { createReadStream } from 'node:fs'
import { createServer } from 'node:http'
import { Readable } from 'node:stream'
import { car } from '@helia/car'
import { unixfs } from '@helia/unixfs'
import { createHeliaLight } from 'helia'
import { CID } from 'multiformats/cid'

const helia = await createHeliaLight().start()
const folder = await unixfs(helia).addFile({ path: 'file', content: createReadStream(process.argv[2]) }, { wrapWithDirectory: true })

// Helia's blockstore yields a block in pieces.
async function bytesOf (found) {
  const pieces = []
  for await (const piece of found) pieces.push(piece)
  return Buffer.concat(pieces)
}

async function answer (request, response) {
  const url = new URL(request.url, 'http://localhost')
  const name = /^\/ipfs\/([^/]+)$/.exec(url.pathname)?.[1]
  const cid = name && CID.parse(name)
  if (cid == null || !(await helia.blockstore.has(cid))) {
    response.writeHead(404).end()
    return
  }
  if (url.searchParams.get('format') === 'car') {
    response.writeHead(200, { 'content-type': 'application/vnd.ipld.car; version=1' })
    Readable.from(car(helia).export(cid)).pipe(response)
    return
  }
  const block = await bytesOf(await helia.blockstore.get(cid))
  response.writeHead(200, { 'content-type': 'application/vnd.ipld.raw', 'content-length': block.byteLength })
  response.end(request.method === 'HEAD' ? undefined : block)
}

const server = createServer((request, response) => {
  answer(request, response).catch(error => {
    console.error(error)
    response.destroy(error)
  })
})
server.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ url: `http://127.0.0.1:${server.address().port}`, root: folder.toString() }))
})
process.stdin.resume().on('end', () => process.exit(0))
