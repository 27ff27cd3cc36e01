// A js-libp2p node takes part in dotkey's network: it dials a node, learns who it is, pings it, walks the routing table by our protocol's
// name, gets a record and puts a newer one. Prints one JSON object; bytes are in hexadecimal.
// Usage: node peer.mjs MULTIADDRESS RECORD NEWER-RECORD
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { identify } from '@libp2p/identify'
import { kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { expected, get, placeOf, positionOf, put, want } from './records.mjs'

const hex = (bytes) => Buffer.from(bytes).toString('hex')

// Only a failure takes so long.
setTimeout(() => {
  console.error('not done within a minute')
  process.exit(1)
}, 60_000)

// Its Kademlia pings a node before its table takes it up, and a node answers one ping at a time: the later one takes the place of the earlier. So
// this comes when the table is known to have the node, and may have to be repeated.
async function pinged(tries = 5) {
  try {
    return await node.services.ping.ping(connection.remotePeer, { signal: AbortSignal.timeout(5_000) })
  } catch (error) {
    if (tries === 1) throw error
    return pinged(tries - 1)
  }
}

const [address, ...files] = process.argv.slice(2)
const [record, newer] = files.map((file) => new Uint8Array(readFileSync(file)))
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

const place = placeOf(record)
// Who answered a query and who was named in an answer. The query may wait for one that is slow to answer; what it has heard by then counts.
async function walk() {
  const met = new Set()
  try {
    for await (const event of node.services.dht.getClosestPeers(place, { signal: AbortSignal.timeout(5_000) })) {
      if (event.name !== 'PEER_RESPONSE') continue
      for (const id of [event.from, ...event.closer.map((peer) => peer.id)]) met.add(id.toString())
    }
  } catch (error) {
    if (error.name !== 'TimeoutError' && error.name !== 'AbortError') throw error
  }
  return met
}

// Its table takes up the node some time after they have identified each other; until then a query has nobody to ask and ends at once.
let closest = new Set()
for (let tries = 0; tries < 50 && closest.size === 0; tries += 1) {
  if (tries > 0) await sleep(100)
  closest = await walk()
}

const ping_ms = await pinged()
const position = positionOf(place)
const none = await get(connection, new Uint8Array(32), want.record)
const got = await get(connection, position, want.record)
const summary = await get(connection, position, want.summary)
const [policy, sequence, digest] = summary.value
const stranger = await put(connection, newer, expected.nothing)
const stored = await put(connection, newer, digest)
const older = await put(connection, record, expected.older)

console.log(
  JSON.stringify({
    peer: connection.remotePeer.toString(),
    agentVersion,
    protocolVersion,
    protocols,
    ping_ms,
    closest: [...closest],
    nothing: none.value,
    got: hex(got.value),
    closer: got.closer.map(([peer]) => hex(peer)),
    summary: { policy, sequence, digest: hex(digest) },
    unexpected: { number: stranger.refusal?.[0], shows: hex(stranger.refusal?.[1] ?? []) },
    stored: stored.stored,
    older: { number: older.refusal?.[0], shows: hex(older.refusal?.[1] ?? []) },
  }),
)
await node.stop()
process.exit(0)
