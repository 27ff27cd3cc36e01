// The record exchange of docs/protocol/9-record-exchange.md, written from that page alone.
import { createHash } from 'node:crypto'
import { blake3 } from '@noble/hashes/blake3.js'
import { decode, encode } from 'cborg'

const PROTOCOL = '/dotkey/records/1'
const RESPONSE_BYTES_MAX = 98304 // 9.2

const strict = { strict: true, useMaps: true, rejectDuplicateMapKeys: true }

// Where a record is (5.6), read out of its envelope (4.1) and its payload (5.1).
export function placeOf(record) {
  if (record[0] !== 0xd8 || record[1] !== 0x62) throw new Error('no envelope: it does not begin with tag 98')
  const [, , payload] = decode(record.subarray(2), strict)
  const fields = decode(payload, strict)
  const place = [fields.get(2), fields.get(3), fields.get(7) ?? new Uint8Array()]
  return blake3(encode(place), { context: new TextEncoder().encode('dotkey record place v1') })
}

export const positionOf = (place) => new Uint8Array(createHash('sha256').update(place).digest())

// 9.2: one request, one response, each with its length before it.
async function ask(connection, request) {
  const stream = await connection.newStream(PROTOCOL)
  const message = encode(request)
  stream.send(Uint8Array.from([...varint(message.length), ...message]))
  const received = []
  for await (const chunk of stream) {
    received.push(...chunk.subarray())
    const whole = response(received)
    if (whole !== undefined) {
      await stream.close()
      return decode(whole, strict)
    }
  }
  throw new Error(`the stream ended after ${received.length} bytes`)
}

function varint(number) {
  const bytes = []
  for (; number >= 0x80; number >>>= 7) bytes.push((number & 0x7f) | 0x80)
  return [...bytes, number]
}

// The response, when all of it is there.
function response(received) {
  const last = received.findIndex((byte) => byte < 0x80)
  if (last < 0) return undefined
  const length = received.slice(0, last + 1).reduceRight((sum, byte) => (sum << 7) | (byte & 0x7f), 0)
  if (last > 2 || length > RESPONSE_BYTES_MAX) throw new Error(`a response of ${length} bytes`)
  const end = last + 1 + length
  return received.length < end ? undefined : Uint8Array.from(received.slice(last + 1, end))
}

// 9.3: contacts only, a summary, or the record.
export const want = { contacts: 0, summary: 1, record: 2 }

export async function get(connection, position, wanted) {
  const [kind, value, closer] = await ask(connection, [1, position, wanted])
  if (kind !== 1) throw new Error(`an answer of kind ${kind} to a get`)
  return { value, closer }
}

// 9.4: what must be there, besides a digest.
export const expected = { older: 0, nothing: 1 }

export async function put(connection, record, before) {
  const [kind, refusal] = await ask(connection, [2, record, before])
  if (kind === 2) return { stored: true }
  if (kind === 3) return { stored: false, refusal }
  throw new Error(`an answer of kind ${kind} to a put`)
}
