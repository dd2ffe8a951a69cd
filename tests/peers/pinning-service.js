// mock-ipfs-pinning-service, for whoever has the token `secret`. Says where it
// listens; ends when its standard input does.
//
// node pinning-service.js
import { createServer } from 'node:http'
import { setup } from 'mock-ipfs-pinning-service'

const server = createServer(await setup({ token: 'secret', loglevel: 'error' }))
server.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ url: `http://127.0.0.1:${server.address().port}` }))
})
process.stdin.resume().on('end', () => process.exit(0))
