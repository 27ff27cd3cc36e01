//! Finding a name in a zone: a tree of all names that exist, and a hash table over it.
//!
//! A name exists when something stands at it or below it (RFC 4592 section 2.2), so the tree has a node for each owner,
//! host and delegation and for each name above them. What lies above a node, such as a delegation, is written into the
//! node when the index is built: a lookup finds one node and is done. A lookup costs one hash and one comparison for a
//! name that exists; for another, one more for each label that has to be taken off. Bounds: a zone of 64 KiB has fewer than 32768 labels, so numbers
//! of nodes fit 16 bits, and the index takes memory in proportion to the zone's bytes.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use super::hash::NameHash;
use super::{Parts, Resource, Rrset};
use crate::dns::{Labels, Owner, RecordType};
use crate::limits::{NAME_BYTES_MAX, RECORD_BYTES_MAX};

/// No node, no rrset, no delegation.
const NONE: u16 = u16::MAX;

/// No entry of the hash table.
const EMPTY: u32 = u32::MAX;

/// Up to this many rrsets at one owner are looked through one by one.
const LINEAR_SEARCH_MAX: usize = 8;

// Each label takes two bytes of the encoding at least, and the apex is one more.
const _: () = assert!(RECORD_BYTES_MAX / 2 + 1 < NONE as usize);

#[derive(Clone)]
pub(super) struct Index {
    /// The owners, hosts and delegations behind each other; every node's name is the end of one of them.
    names: Box<[u8]>,
    /// The apex first, parents before their children.
    nodes: Box<[Node]>,
    /// A node's number in the lower half, bits of its hash in the upper; a power of two of them.
    slots: Box<[u32]>,
    hash: NameHash,
    name_bytes_max: usize,
}

/// One name that exists.
#[derive(Clone, Debug)]
pub(super) struct Node {
    name_start: u32,
    name_len: u8,
    parent: u16,
    /// The child with the label `*`.
    wildcard: u16,
    delegation: u16,
    rrsets: Span,
    resources: Span,
    above: Above,
}

/// Elements of one of the zone's lists.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    start: u16,
    end: u16,
}

impl Span {
    fn range(self) -> Range<usize> {
        usize::from(self.start)..usize::from(self.end)
    }
}

/// Who speaks for a name: what stands at it or above it and takes it out of the zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Above {
    /// The zone itself.
    Zone,
    /// The delegation of this number.
    Delegation(u16),
    /// The zone that the NS rrset of this number points to.
    Cut(u16),
}

impl Node {
    pub(super) fn is_apex(&self) -> bool {
        self.name_len == 0
    }

    pub(super) fn parent(&self) -> Option<usize> {
        (self.parent != NONE).then_some(usize::from(self.parent))
    }

    pub(super) fn delegation(&self) -> Option<usize> {
        (self.delegation != NONE).then_some(usize::from(self.delegation))
    }

    pub(super) fn above(&self) -> Above {
        self.above
    }

    pub(super) fn rrsets<'z>(&self, all: &'z [Rrset]) -> &'z [Rrset] {
        &all[self.rrsets.range()]
    }

    pub(super) fn resources<'z>(&self, all: &'z [Resource]) -> &'z [Resource] {
        &all[self.resources.range()]
    }

    /// The rrset of a type at this name.
    pub(super) fn rrset<'z>(&self, all: &'z [Rrset], rtype: RecordType) -> Option<&'z Rrset> {
        let here = self.rrsets(all);
        if here.len() <= LINEAR_SEARCH_MAX {
            return here.iter().find(|rrset| rrset.rtype == rtype);
        }
        let found = here.binary_search_by_key(&rtype, |rrset| rrset.rtype);
        found.ok().map(|at| &here[at])
    }
}

impl Index {
    /// The index of parts that have passed the rules for each; `body` is their encoding.
    pub(super) fn build(parts: &Parts, body: &[u8]) -> Self {
        let mut builder = Builder::new(parts, body);
        for (at, rrset) in parts.rrsets.iter().enumerate() {
            builder.node(&rrset.owner, |node| node.rrsets.extend(at));
        }
        for (at, resource) in parts.resources.iter().enumerate() {
            builder.node(&resource.host, |node| node.resources.extend(at));
        }
        for (at, delegation) in parts.delegations.iter().enumerate() {
            builder.node(&delegation.owner, |node| node.delegation = small(at));
        }
        builder.finish(parts)
    }

    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub(super) fn name(&self, node: &Node) -> &[u8] {
        name_of(&self.names, node)
    }

    pub(super) fn wildcard_below(&self, node: &Node) -> Option<&Node> {
        (node.wildcard != NONE).then(|| &self.nodes[usize::from(node.wildcard)])
    }

    /// The node of `name`, or of its closest ancestor that exists; the apex always does.
    pub(super) fn closest(&self, name: &[u8]) -> (&Node, bool) {
        let mut labels = Labels::new(name);
        loop {
            let rest = labels.remainder();
            if rest.len() <= self.name_bytes_max
                && let Some(at) = self.find(rest)
            {
                return (&self.nodes[at], rest.len() == name.len());
            }
            if labels.next().is_none() {
                return (&self.nodes[0], name.is_empty());
            }
        }
    }

    fn find(&self, name: &[u8]) -> Option<usize> {
        find(
            &self.names,
            &self.nodes,
            &self.slots,
            self.hash.of(name),
            name,
        )
    }
}

fn find(names: &[u8], nodes: &[Node], slots: &[u32], hash: u64, name: &[u8]) -> Option<usize> {
    let (mut slot, tag) = place(hash, slots.len());
    loop {
        // The length is a power of two, and never are all slots taken.
        let entry = slots[slot & (slots.len() - 1)];
        if entry == EMPTY {
            return None;
        }
        let at = usize::from(entry as u16);
        if entry & TAG == tag && name_of(names, &nodes[at]) == name {
            return Some(at);
        }
        slot += 1;
    }
}

const TAG: u32 = 0xffff_0000;

/// Where the search for a hash begins, and the bits that its entry carries.
fn place(hash: u64, slots: usize) -> (usize, u32) {
    let upper = (hash >> 32) as u32;
    // Multiplying takes the topmost bits for the place; the tag takes those at the other end of the good half.
    let slot = (u64::from(upper) * slots as u64) >> 32;
    (slot as usize, upper << 16)
}

fn name_of<'a>(names: &'a [u8], node: &Node) -> &'a [u8] {
    let start = node.name_start as usize;
    &names[start..start + usize::from(node.name_len)]
}

fn small(number: usize) -> u16 {
    u16::try_from(number).expect("a zone of 64 KiB has fewer than 65535 of anything")
}

impl Span {
    /// Adds the element `at`, which follows those that are in it.
    fn extend(&mut self, at: usize) {
        if self.start == self.end {
            self.start = small(at);
        }
        self.end = small(at + 1);
    }
}

struct Builder {
    names: Vec<u8>,
    nodes: Vec<Node>,
    slots: Vec<u32>,
    hash: NameHash,
    name_bytes_max: usize,
}

impl Builder {
    fn new(parts: &Parts, body: &[u8]) -> Self {
        let (mut name_bytes_max, mut labels) = (0, 0);
        let mut before: &[u8] = &[];
        for owner in owners(parts).filter(|owner| {
            let repeated = owner.as_wire() == before;
            before = owner.as_wire();
            !repeated
        }) {
            name_bytes_max = name_bytes_max.max(owner.as_wire().len());
            labels += owner.labels().count();
        }
        let mut builder = Self {
            names: Vec::new(),
            nodes: Vec::new(),
            slots: alloc::vec![EMPTY; ((labels + 1) * 2).next_power_of_two()],
            hash: NameHash::new(body, name_bytes_max),
            name_bytes_max,
        };
        let apex = builder.hash.of(&[]);
        builder.add(0, 0, NONE, apex);
        builder
    }

    /// Changes the node of `owner`, which is added with all above it where there is none.
    fn node(&mut self, owner: &Owner, change: impl FnOnce(&mut Node)) {
        let at = self.find_or_add(owner.as_wire());
        change(&mut self.nodes[usize::from(at)]);
    }

    fn find_or_add(&mut self, owner: &[u8]) -> u16 {
        if let Some(at) = self.find(owner, self.hash.of(owner)) {
            return small(at);
        }
        let base = self.names.len();
        self.names.extend_from_slice(owner);
        let mut starts = [0_u8; NAME_BYTES_MAX / 2];
        let mut count = 0;
        let mut labels = Labels::new(owner);
        while !labels.remainder().is_empty() {
            starts[count] = (owner.len() - labels.remainder().len()) as u8; // An owner has at most 254 bytes.
            count += 1;
            labels.next();
        }
        let mut parent = 0;
        for start in starts[..count]
            .iter()
            .rev()
            .map(|start| usize::from(*start))
        {
            let name = &owner[start..];
            let hash = self.hash.of(name);
            let at = match self.find(name, hash) {
                Some(at) => small(at),
                None => self.add(base + start, name.len(), parent, hash),
            };
            if name.starts_with(b"\x01*") {
                self.nodes[usize::from(parent)].wildcard = at;
            }
            parent = at;
        }
        parent
    }

    fn find(&self, name: &[u8], hash: u64) -> Option<usize> {
        find(&self.names, &self.nodes, &self.slots, hash, name)
    }

    fn add(&mut self, name_start: usize, name_len: usize, parent: u16, hash: u64) -> u16 {
        let at = small(self.nodes.len());
        self.nodes.push(Node {
            name_start: name_start as u32, // All owners together are shorter than the record.
            name_len: name_len as u8,
            parent,
            wildcard: NONE,
            delegation: NONE,
            rrsets: Span::default(),
            resources: Span::default(),
            above: Above::Zone,
        });
        let (mut slot, tag) = place(hash, self.slots.len());
        let mask = self.slots.len() - 1;
        while self.slots[slot & mask] != EMPTY {
            slot += 1;
        }
        self.slots[slot & mask] = tag | u32::from(at);
        at
    }

    fn finish(mut self, parts: &Parts) -> Index {
        for at in 0..self.nodes.len() {
            let node = &self.nodes[at];
            let inherited = match node.parent() {
                Some(parent) => self.nodes[parent].above,
                None => Above::Zone,
            };
            let here = node.rrsets.range();
            let ns = parts.rrsets[here.clone()].binary_search_by_key(&RecordType::NS, |r| r.rtype);
            let above = match (inherited, ns) {
                (Above::Zone, _) if node.delegation != NONE => Above::Delegation(node.delegation),
                (Above::Zone, Ok(ns)) if !node.is_apex() => Above::Cut(small(here.start + ns)),
                _ => inherited,
            };
            self.nodes[at].above = above;
        }
        Index {
            names: self.names.into_boxed_slice(),
            nodes: self.nodes.into_boxed_slice(),
            slots: self.slots.into_boxed_slice(),
            hash: self.hash,
            name_bytes_max: self.name_bytes_max,
        }
    }
}

fn owners(parts: &Parts) -> impl Iterator<Item = &Owner> {
    let rrsets = parts.rrsets.iter().map(|rrset| &rrset.owner);
    let hosts = parts.resources.iter().map(|resource| &resource.host);
    let delegated = parts.delegations.iter().map(|delegation| &delegation.owner);
    rrsets.chain(hosts).chain(delegated)
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index")
            .field("nodes", &self.nodes.len())
            .finish_non_exhaustive()
    }
}
