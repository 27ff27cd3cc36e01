//! Wagner's algorithm, which finds the solutions of one nonce: rows that agree in some bits are joined, round by round, until the
//! join of 32 of them is zero.
//!
//! Plain rather than tricky: it keeps the rows of one round and, of each round, which two rows a row was joined from. The order of
//! rows, the packing of indices and the personalisation are those of the `equihash` crate, which checks what is found here.

use alloc::vec::Vec;

use blake2b_simd::{Params, State};

use super::{Grid, ROUNDS};

/// Rows that may come out of a round, beyond which they are dropped: on average as many come out as went in.
const ROOM: usize = 5; // quarters of what went in

/// Rows of one bucket that are joined with each other. A bucket has two on average; more than these come with less than one in a
/// million, but rows that are all alike would fill the memory with their pairs.
const BUCKET_ROWS_MAX: usize = 24;

/// What a search needs, used again by the next one.
#[derive(Default)]
pub struct Memory {
    rows: Vec<u128>,
    sorted: Vec<(u128, u32)>,
    starts: Vec<u32>,
    pairs: [Vec<(u32, u32)>; ROUNDS as usize],
}

/// The solutions of one nonce, packed.
pub(super) fn solutions(
    grid: Grid,
    challenge: &[u8; 32],
    nonce: u64,
    memory: &mut Memory,
) -> Vec<Vec<u8>> {
    let bits = grid.collision_bits();
    hash_rows(grid, challenge, nonce, &mut memory.rows);
    for round in 0..ROUNDS {
        let is_last = round + 1 == ROUNDS;
        // From the highest bits down. The last round joins what agrees in all that is left: two digits.
        let shift = grid.n() - (round + 1) * bits;
        sort(shift, bits, memory);
        join(is_last, memory, round as usize);
    }
    let last = memory.pairs[ROUNDS as usize - 1].len() as u32;
    (0..last)
        .filter_map(|row| indices(&memory.pairs, row))
        .map(|indices| pack(&indices, bits + 1))
        .collect()
}

/// 2^(bits + 1) rows, each the BLAKE2b of its index.
fn hash_rows(grid: Grid, challenge: &[u8; 32], nonce: u64, rows: &mut Vec<u128>) {
    let n = grid.n();
    let row_bytes = (n / 8) as usize;
    let rows_per_hash = 512 / n;
    let state = base_state(n, rows_per_hash, challenge, nonce);
    let count = 1 << (grid.collision_bits() + 1);
    rows.clear();
    let mut block = 0_u32;
    while rows.len() < count {
        let hash = state.clone().update(&block.to_le_bytes()).finalize();
        for row in hash.as_bytes().chunks_exact(row_bytes) {
            if rows.len() < count {
                let value = row
                    .iter()
                    .fold(0, |value: u128, byte| value << 8 | u128::from(*byte));
                rows.push(value);
            }
        }
        block += 1;
    }
}

fn base_state(n: u32, rows_per_hash: u32, challenge: &[u8; 32], nonce: u64) -> State {
    let mut personal = *b"ZcashPoW\0\0\0\0\0\0\0\0";
    personal[8..12].copy_from_slice(&n.to_le_bytes());
    personal[12..].copy_from_slice(&ROUNDS.to_le_bytes());
    let mut state = Params::new()
        .hash_length((rows_per_hash * n / 8) as usize)
        .personal(&personal)
        .to_state();
    state.update(challenge).update(&nonce.to_le_bytes());
    state
}

/// Sorts the rows by the bits that are looked at in this round, by counting.
fn sort(shift: u32, bits: u32, memory: &mut Memory) {
    let Memory {
        rows,
        sorted,
        starts,
        ..
    } = memory;
    let mask = (1_u128 << bits) - 1;
    let bucket = |row: u128| (row >> shift & mask) as usize;
    starts.clear();
    starts.resize((1 << bits) + 1, 0);
    for row in rows.iter() {
        starts[bucket(*row) + 1] += 1;
    }
    for index in 1..starts.len() {
        starts[index] += starts[index - 1];
    }
    sorted.clear();
    sorted.resize(rows.len(), (0, 0));
    for (index, row) in rows.iter().enumerate() {
        let place = &mut starts[bucket(*row)];
        sorted[*place as usize] = (*row, index as u32);
        *place += 1;
    }
    // Each start has moved to its bucket's end, which is where the next begins.
}

/// Joins the rows of each bucket pairwise. In the last round only those whose join is zero.
fn join(is_last: bool, memory: &mut Memory, round: usize) {
    let Memory {
        rows,
        sorted,
        starts,
        pairs,
    } = memory;
    let room = rows.len() / 4 * ROOM;
    let pairs = &mut pairs[round];
    rows.clear();
    pairs.clear();
    let mut begin = 0;
    for end in starts.iter().map(|end| *end as usize) {
        let bucket = &sorted[begin..end.max(begin)];
        begin = end;
        for (position, (left, left_index)) in bucket.iter().take(BUCKET_ROWS_MAX).enumerate() {
            for (right, right_index) in bucket.iter().take(BUCKET_ROWS_MAX).skip(position + 1) {
                let joined = left ^ right;
                // A join that is zero too early is of rows with the same indices in them.
                if (joined == 0) == is_last && pairs.len() < room {
                    rows.push(joined);
                    pairs.push((*left_index, *right_index));
                }
            }
        }
    }
}

/// The indices that a row was joined from, in the one order that counts; `None` where one of them stands twice.
fn indices(pairs: &[Vec<(u32, u32)>], row: u32) -> Option<Vec<u32>> {
    let mut indices = tree(pairs, row);
    let mut width = 1;
    while width < indices.len() {
        for both in indices.chunks_exact_mut(2 * width) {
            if both[0] > both[width] {
                both.rotate_left(width);
            }
        }
        width *= 2;
    }
    let mut unique = indices.clone();
    unique.sort_unstable();
    unique.dedup();
    (unique.len() == indices.len()).then_some(indices)
}

fn tree(pairs: &[Vec<(u32, u32)>], row: u32) -> Vec<u32> {
    let Some((newest, older)) = pairs.split_last() else {
        return Vec::from([row]);
    };
    let (left, right) = newest[row as usize];
    let mut indices = tree(older, left);
    indices.extend(tree(older, right));
    indices
}

/// Indices of `bits` bits each, one after the other, the highest bit first.
fn pack(indices: &[u32], bits: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(indices.len() * bits as usize / 8);
    let (mut held, mut held_bits) = (0_u64, 0);
    for index in indices {
        held = held << bits | u64::from(*index);
        held_bits += bits;
        while held_bits >= 8 {
            held_bits -= 8;
            bytes.push((held >> held_bits) as u8);
        }
        held &= (1 << held_bits) - 1;
    }
    bytes
}
