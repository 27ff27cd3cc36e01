// A js-libp2p node takes part in dotkey's network: it dials a node, learns who it is, pings it, and walks the routing table by
// our protocol's name. Prints one JSON object. Usage: node peer.mjs MULTIADDRESS
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { identify } from '@libp2p/identify'
import { kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'

const [address] = process.argv.slice(2)
const node = await createLibp2p({
  addresses: { listen: [] },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  services: {
    identify: identify(),
    ping: ping(),
    dht: kadDHT({ protocol: '/dotkey/kad/1', clientMode: true, peerInfoMapper: passthroughMapper }),
  },
})

const identified = new Promise((resolve) => node.addEventListener('peer:identify', (event) => resolve(event.detail), { once: true }))
const connection = await node.dial(multiaddr(address))
const { agentVersion, protocolVersion, protocols } = await identified
const ping_ms = await node.services.ping.ping(connection.remotePeer)

const closest = []
const key = new Uint8Array(32).fill(7)
for await (const event of node.services.dht.getClosestPeers(key, { signal: AbortSignal.timeout(20_000) })) {
  if (event.name === 'FINAL_PEER') closest.push(event.peer.id.toString())
}

console.log(JSON.stringify({ peer: connection.remotePeer.toString(), agentVersion, protocolVersion, protocols, ping_ms, closest }))
await node.stop()
process.exit(0)
